"""Runs migrations under an advisory lock, with short timeouts, so a deploy never blocks the tables."""

from alembic import context
from sqlalchemy import create_engine, pool, text

from ecg.models import Record

url = context.config.attributes["database_url"]
engine = create_engine(
    url, poolclass=pool.NullPool, connect_args={"options": "-c lock_timeout=4000 -c timezone=UTC"}
)
with engine.connect() as connection:
    connection.execute(text("SET lock_timeout = 0"))
    connection.execute(text("SELECT pg_advisory_lock(7305000)"))
    connection.execute(text("SET lock_timeout = 4000"))
    connection.commit()
    context.configure(connection=connection, target_metadata=Record.metadata, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()
    connection.execute(text("SELECT pg_advisory_unlock(7305000)"))
    connection.commit()
