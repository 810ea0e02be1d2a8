"""When pictures were given up, and when their bytes were erased."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_TIMES = (
    ("assets", "erased_at"),
    ("print_files", "removed_at"),
    ("print_files", "erased_at"),
    ("generations", "answers_erased_at"),
)


def upgrade() -> None:
    # Rather fail than queue behind a long query, with every later query queueing behind us.
    op.execute("SET LOCAL lock_timeout = '5s'")
    for table, column in _TIMES:
        op.add_column(table, sa.Column(column, sa.DateTime(timezone=True), nullable=True))
    op.create_index(op.f("ix_print_files_key"), "print_files", ["key"], unique=False)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_index(op.f("ix_print_files_key"), table_name="print_files")
    for table, column in reversed(_TIMES):
        op.drop_column(table, column)
