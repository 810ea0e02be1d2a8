"""Pictures of all kinds, design documents, and pictures made by AI with what they cost."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_KINDS = ("final", "photo", "generated", "preview")
_CHANNELS = ("web", "app", "machine")
_STATES = ("started", "made", "refused", "failed")


def _enum(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=40)


def upgrade() -> None:
    # Rather fail than queue behind a long query, with every later query queueing behind us.
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column("assets", sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("uploads", sa.Column("kind", _enum("picturekind", *_KINDS), server_default="final", nullable=False))
    op.alter_column("uploads", "template_id", existing_type=sa.Text(), nullable=True)
    op.create_check_constraint(op.f("ck_uploads_template"), "uploads", "(kind = 'final') = (template_id IS NOT NULL)")
    op.create_table(
        "designs",
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("document", postgresql.JSONB(), nullable=False),
        sa.Column("shell_id", sa.Text(), nullable=False),
        sa.Column("final_name", sa.Text(), nullable=False),
        sa.Column("preview_name", sa.Text(), nullable=False),
        sa.Column("renderer_version", sa.Text(), nullable=False),
        sa.Column("warnings", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["final_name"], ["uploads.name"], name=op.f("fk_designs_final_name_uploads")),
        sa.ForeignKeyConstraint(["preview_name"], ["uploads.name"], name=op.f("fk_designs_preview_name_uploads")),
        sa.ForeignKeyConstraint(["shell_id"], ["shells.id"], name=op.f("fk_designs_shell_id_shells")),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_designs")),
    )
    op.create_index(op.f("ix_designs_created_at"), "designs", ["created_at"], unique=False)
    op.create_index(op.f("ix_designs_final_name"), "designs", ["final_name"], unique=False)
    op.create_table(
        "generations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=True),
        sa.Column("channel", _enum("channel", *_CHANNELS), nullable=False),
        sa.Column("template_id", sa.Text(), nullable=False),
        sa.Column("style", postgresql.JSONB(), nullable=False),
        sa.Column("photo_sha256", sa.Text(), nullable=True),
        sa.Column("state", _enum("generationstate", *_STATES), nullable=False),
        sa.Column("picture_name", sa.Text(), nullable=True),
        sa.Column("prompt", sa.Text(), server_default="", nullable=False),
        sa.Column("prompt_version", sa.Text(), server_default="", nullable=False),
        sa.Column("model", sa.Text(), server_default="", nullable=False),
        sa.Column("cost", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(state = 'made') = (picture_name IS NOT NULL)", name=op.f("ck_generations_picture")),
        sa.CheckConstraint("(state = 'started') = (finished_at IS NULL)", name=op.f("ck_generations_finished")),
        sa.CheckConstraint("attempt >= 1", name=op.f("ck_generations_attempt")),
        sa.CheckConstraint("cost >= 0", name=op.f("ck_generations_cost")),
        sa.ForeignKeyConstraint(["photo_sha256"], ["assets.sha256"], name=op.f("fk_generations_photo_sha256_assets")),
        sa.ForeignKeyConstraint(["picture_name"], ["uploads.name"], name=op.f("fk_generations_picture_name_uploads")),
        sa.ForeignKeyConstraint(["template_id"], ["templates.id"], name=op.f("fk_generations_template_id_templates")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_generations")),
        sa.UniqueConstraint("subject", "attempt", name=op.f("uq_generations_subject_attempt")),
    )
    op.create_index(op.f("ix_generations_client_started_at"), "generations", ["client", "started_at"], unique=False)
    op.create_index(op.f("ix_generations_session_started_at"), "generations", ["session", "started_at"], unique=False)
    op.create_index(op.f("ix_generations_started_at"), "generations", ["started_at"], unique=False)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_table("generations")
    op.drop_table("designs")
    op.execute("DELETE FROM uploads WHERE kind <> 'final'")
    op.drop_constraint(op.f("ck_uploads_template"), "uploads", type_="check")
    op.alter_column("uploads", "template_id", existing_type=sa.Text(), nullable=False)
    op.drop_column("uploads", "kind")
    op.drop_column("assets", "removed_at")
