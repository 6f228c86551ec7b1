"""quotas, idempotency keys, outages of steps."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_UNPUBLISHED = "status = 'ready' AND published_at IS NULL"
_PUBLISHED = "status = 'ready' AND published_at IS NOT NULL"
_RUNNING = "status = 'running'"


def _moment() -> sa.Column:
    return sa.Column(
        "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
    )


def upgrade() -> None:
    op.add_column("users", sa.Column("unlimited", sa.Boolean(), nullable=False, server_default="false"))
    op.alter_column("users", "unlimited", server_default=None)
    op.add_column("steps", sa.Column("outages", sa.Integer(), nullable=False, server_default="0"))
    op.alter_column("steps", "outages", server_default=None)
    op.add_column("steps", sa.Column("user_id", sa.UUID(as_uuid=False), nullable=True))
    op.execute("UPDATE steps SET user_id = jobs.user_id FROM jobs WHERE jobs.id = steps.job_id")
    op.alter_column("steps", "user_id", nullable=False)
    op.create_foreign_key(None, "steps", "users", ["user_id"], ["id"], ondelete="CASCADE")
    op.drop_index("ix_steps_ready", "steps")
    op.drop_index("ix_steps_running", "steps")
    op.create_index(
        "ix_steps_unpublished", "steps", ["queue", "user_id", "id"], postgresql_where=_UNPUBLISHED
    )
    op.create_index(
        "ix_steps_published", "steps", ["queue", "user_id", "published_at"], postgresql_where=_PUBLISHED
    )
    op.create_index(
        "ix_steps_running", "steps", ["id"], postgresql_where=_RUNNING
    )
    op.create_table(
        "quotas",
        sa.Column("user_id", sa.UUID(as_uuid=False), nullable=False),
        sa.Column("resource", sa.String(), nullable=False),
        sa.Column("period", sa.String(), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "resource", "period"),
    )
    op.create_table(
        "quota_entries",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("user_id", sa.UUID(as_uuid=False), nullable=False),
        sa.Column("job_id", sa.UUID(as_uuid=False), nullable=False),
        sa.Column("resource", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        _moment(),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("job_id", "kind"),
    )
    op.create_index("ix_quota_entries_user_id", "quota_entries", ["user_id"])
    op.create_table(
        "idempotency_keys",
        sa.Column("user_id", sa.UUID(as_uuid=False), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("body", postgresql.JSONB(), nullable=False),
        _moment(),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "key"),
    )


def downgrade() -> None:
    raise NotImplementedError("Going back would lose what was charged; restore a backup instead.")
