"""The age of the manufacturer's lists, and where they differ from our catalogue."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    # Rather fail than queue behind a long query, with every later query queueing behind us.
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "snapshots",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("device_id", sa.Text(), nullable=True),
        sa.Column("brand_id", sa.Text(), nullable=True),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failure", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint("(device_id IS NULL) = (brand_id IS NULL)", name=op.f("ck_snapshots_one_list")),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_snapshots_brand_id_brands")),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name=op.f("fk_snapshots_device_id_devices")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_snapshots")),
        sa.UniqueConstraint(
            "device_id", "brand_id", name=op.f("uq_snapshots_device_id_brand_id"), postgresql_nulls_not_distinct=True
        ),
    )
    op.create_table(
        "catalogue_differences",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("device_id", sa.Text(), nullable=True),
        sa.Column("brand_id", sa.Text(), nullable=True),
        sa.Column(
            "kind",
            sa.Enum(
                "new_brand",
                "new_model",
                "new_shell",
                "new_in_machine",
                "gone",
                "other_name",
                "other_model",
                "other_size",
                "implausible_size",
                name="differencekind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("ended_at >= found_at", name=op.f("ck_catalogue_differences_period")),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_catalogue_differences_brand_id_brands")),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name=op.f("fk_catalogue_differences_device_id_devices")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_catalogue_differences")),
    )
    op.create_index(op.f("ix_catalogue_differences_found_at"), "catalogue_differences", ["found_at"], unique=False)
    op.create_index(
        "uq_catalogue_differences_standing",
        "catalogue_differences",
        ["device_id", "brand_id", "kind", "subject", "note"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
        postgresql_nulls_not_distinct=True,
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_table("catalogue_differences")
    op.drop_table("snapshots")
