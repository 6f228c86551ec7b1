"""uploads in parts, and what is known of a file before it comes."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("videos", sa.Column("sha256", sa.String(), nullable=True))
    op.create_table(
        "uploads",
        sa.Column("video_id", sa.UUID(as_uuid=False), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("parts_id", sa.String(), nullable=True),
        sa.Column("part_bytes", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["video_id"], ["videos.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("video_id"),
        sa.UniqueConstraint("key"),
    )


def downgrade() -> None:
    raise NotImplementedError("Going back would lose uploads under way; restore a backup instead.")
