"""Stickers and background pictures."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    # Rather fail than queue behind a long query, with every later query queueing behind us.
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "decorations",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("sticker", "background", name="decorationkind", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("pack", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("picture", postgresql.JSONB(), nullable=False),
        sa.Column("highres", postgresql.JSONB(), nullable=False),
        sa.Column("thumbnail", postgresql.JSONB(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("display_order", sa.Integer(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_decorations")),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_table("decorations")
