"""The plan of a pipeline as text: how each feed is priced, from which markets, over which rates."""

from __future__ import annotations

from collections.abc import Iterator

from chrono.core.component import Component, Config
from chrono.core.pipeline import Pipeline
from chrono.core.pricing import Plan
from chrono.core.units import Duration


def lines(pipeline: Pipeline) -> Iterator[str]:
    """Yield the tree of a pipeline, a line each."""
    yield f"{pipeline.name}, every {Duration(pipeline.schedule.every)}"
    plans = sorted(pipeline.plans, key=lambda plan: plan.feed.place)
    for plan in plans:
        yield from _feed(plan)
    for name, sink in pipeline.sinks.items():
        yield (
            f"└─ sink {name}: {_component(sink)}"
            if name == list(pipeline.sinks)[-1]
            else f"├─ sink {name}: {_component(sink)}"
        )


def _feed(plan: Plan) -> Iterator[str]:
    feed = plan.feed
    yield f"├─ {feed.name}" + (f", {feed.decimals} decimals" if feed.published else ", a rate, not published")
    yield f"│  ├─ aggregator {_component(plan.aggregator)}"
    for detector in (*plan.native, *plan.cohort):
        yield f"│  ├─ detector {_component(detector)}"
    yield f"│  ├─ consensus {_component(plan.consensus)}"
    for market in feed.markets:
        legs = plan.conversions[market]
        over = f" × {' × '.join(map(str, legs))}" if legs else ""
        yield f"│  {'└' if market == feed.markets[-1] else '├'}─ {market}{over}"


def _component(component: Component) -> str:
    return f"{component.type}({_options(component.config)})"


def _options(config: Config) -> str:
    stated = [(name, value) for name, value in config.__repr_args__() if value is not None and value != {}]
    return ", ".join(f"{name}={_shown(value)}" for name, value in stated)


def _shown(value: object) -> str:
    return f"{{{_options(value)}}}" if isinstance(value, Config) else str(value)
