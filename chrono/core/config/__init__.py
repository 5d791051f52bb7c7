"""The pipeline file: read, checked, and told apart line by line.

`load` returns a `PipelineConfig` or raises one `ConfigError` with every problem of the file.
What only an assembled pipeline can show (a quorum out of reach, a leg nobody prices, a cycle) is for the builder:
it reports it at the right line with `PipelineConfig.problem`.
"""

from chrono.core.config.declare import Resolve as Resolve
from chrono.core.config.loading import load as load
from chrono.core.config.models import Declared as Declared
from chrono.core.config.models import FeedConfig as FeedConfig
from chrono.core.config.models import FlightRecorderConfig as FlightRecorderConfig
from chrono.core.config.models import LimitsConfig as LimitsConfig
from chrono.core.config.models import MarketPattern as MarketPattern
from chrono.core.config.models import PipelineConfig as PipelineConfig
from chrono.core.config.problems import in_order as in_order
from chrono.core.config.schema import schema as schema
from chrono.core.config.yaml import read as read
from chrono.core.errors import UnknownType as UnknownType
