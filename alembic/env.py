"""How alembic reaches the database: over the connection that it is handed, in the transaction that is under way."""

from alembic import context
from chrono.store.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    version_table=context.config.attributes["version_table"],
    target_metadata=Base.metadata,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
