"""Models and migrations must describe the same tables."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from ecg import db, migrations
from ecg.models import Record


def test_migrations_make_exactly_the_tables_of_the_models(database: str):
    with db.engine().connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Record.metadata) == []


def test_migrations_form_one_line():
    script = ScriptDirectory.from_config(migrations.config("postgresql://nowhere/none"))
    assert len(script.get_heads()) == 1
    names = [revision.path.rsplit("/", 1)[1] for revision in script.walk_revisions()]
    assert names == sorted(names, reverse=True), "numbered in the order they run"


def test_bringing_a_database_up_to_date_twice_changes_nothing(database: str):
    migrations.upgrade(database)
    migrations.upgrade(database)
