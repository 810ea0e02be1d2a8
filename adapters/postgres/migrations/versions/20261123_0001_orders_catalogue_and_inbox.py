"""Orders, the catalogue and the inbox: everything that the first release keeps."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:  # noqa: PLR0915 - it is as long as what it makes
    # Rather fail than queue behind a long query, with every later query queueing behind us.
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute(sa.schema.CreateSequence(sa.Sequence("order_numbers")))
    op.execute(sa.schema.CreateSequence(sa.Sequence("reference_numbers")))
    op.create_table(
        "add_ons",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_add_ons")),
    )
    op.create_table(
        "assets",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name=op.f("ck_assets_sha256")),
        sa.CheckConstraint("width > 0 AND height > 0 AND size > 0", name=op.f("ck_assets_dimensions")),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_assets")),
        sa.UniqueConstraint("key", name=op.f("uq_assets_key")),
    )
    op.create_table(
        "brands",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("native_name", sa.Text(), nullable=False),
        sa.Column("manufacturer_brand_id", sa.Text(), nullable=False),
        sa.Column("match_names", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("frame_color", sa.Text(), nullable=False),
        sa.Column("button_color", sa.Text(), nullable=False),
        sa.Column("subtitle", sa.Text(), nullable=False),
        sa.Column("is_listed", sa.Boolean(), nullable=False),
        sa.Column("is_available", sa.Boolean(), nullable=False),
        sa.Column("display_order", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_brands")),
        sa.UniqueConstraint("manufacturer_brand_id", name=op.f("uq_brands_manufacturer_brand_id")),
    )
    op.create_table(
        "colors",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("background", "text", name="colorkind", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("hex_value", sa.Text(), nullable=False),
        sa.Column("css_background", sa.Text(), nullable=False),
        sa.Column("css_border", sa.Text(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("display_order", sa.Integer(), nullable=False),
        sa.CheckConstraint("hex_value ~ '^#[0-9a-f]{6}$'", name=op.f("ck_colors_hex_value")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_colors")),
        sa.UniqueConstraint("kind", "name", name=op.f("uq_colors_kind_name")),
    )
    op.create_table(
        "devices",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_devices")),
    )
    op.create_index("uq_devices_default", "devices", ["is_default"], unique=True, postgresql_where=sa.text("is_default"))
    op.create_table(
        "fonts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("css_style", sa.Text(), nullable=False),
        sa.Column("font_weight", sa.Text(), nullable=False),
        sa.Column("google_font_url", sa.Text(), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("display_order", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fonts")),
    )
    op.create_table(
        "inbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column(
            "source",
            sa.Enum("stripe", "manufacturer", "kiosk", name="inboxsource", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=True),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column(
            "subject",
            sa.Text(),
            sa.Computed("coalesce(order_id::text, reference, source || ':' || event_id)", persisted=True),
            nullable=False,
        ),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "waiting",
                "delivered",
                "recorded",
                "unmatched",
                name="inboxstate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox")),
        sa.UniqueConstraint("source", "event_id", name=op.f("uq_inbox_source_event_id")),
    )
    op.create_index(
        "ix_inbox_due", "inbox", ["next_attempt_at"], unique=False, postgresql_where=sa.text("next_attempt_at IS NOT NULL")
    )
    op.create_index(op.f("ix_inbox_order_id"), "inbox", ["order_id"], unique=False)
    op.create_index(
        "ix_inbox_pending_subject",
        "inbox",
        ["subject", "id"],
        unique=False,
        postgresql_where=sa.text("next_attempt_at IS NOT NULL"),
    )
    op.create_index(
        "uq_inbox_claimed_subject", "inbox", ["subject"], unique=True, postgresql_where=sa.text("claimed_until IS NOT NULL")
    )
    op.create_table(
        "templates",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column(
            "category",
            sa.Enum("basic", "ai", "film", name="templatecategory", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("image_count", sa.Integer(), nullable=False),
        sa.Column("features", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("match_names", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("display_order", sa.Integer(), nullable=False),
        sa.CheckConstraint("image_count BETWEEN 1 AND 6", name=op.f("ck_templates_image_count")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_templates")),
    )
    op.create_table(
        "ai_styles",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("template_id", sa.Text(), nullable=False),
        sa.Column(
            "parameter",
            sa.Enum("style", "keyword", name="styleparameter", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("display_order", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["template_id"], ["templates.id"], name=op.f("fk_ai_styles_template_id_templates")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ai_styles")),
        sa.UniqueConstraint("template_id", "parameter", "name", name=op.f("uq_ai_styles_template_id_parameter_name")),
    )
    op.create_table(
        "phone_models",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("brand_id", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("manufacturer_model_id", sa.Text(), nullable=False),
        sa.Column("match_names", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("is_available", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("display_order", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_phone_models_brand_id_brands")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_phone_models")),
        sa.UniqueConstraint("manufacturer_model_id", name=op.f("uq_phone_models_manufacturer_model_id")),
    )
    op.create_index(op.f("ix_phone_models_brand_id"), "phone_models", ["brand_id"], unique=False)
    op.create_table(
        "prices",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("template_id", sa.Text(), nullable=True),
        sa.Column("add_on_id", sa.Text(), nullable=True),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("currency", sa.Text(), server_default="gbp", nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_prices_amount")),
        sa.CheckConstraint("num_nonnulls(template_id, add_on_id) = 1", name=op.f("ck_prices_one_thing")),
        sa.ForeignKeyConstraint(["add_on_id"], ["add_ons.id"], name=op.f("fk_prices_add_on_id_add_ons")),
        sa.ForeignKeyConstraint(["template_id"], ["templates.id"], name=op.f("fk_prices_template_id_templates")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prices")),
        sa.UniqueConstraint(
            "template_id",
            "add_on_id",
            "currency",
            "valid_from",
            name=op.f("uq_prices_template_id_add_on_id_currency_valid_from"),
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_table(
        "promotions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("device_id", sa.Text(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("daily_cap", sa.Integer(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("daily_cap > 0", name=op.f("ck_promotions_daily_cap")),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_promotions_period")),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name=op.f("fk_promotions_device_id_devices")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_promotions")),
    )
    op.create_index("uq_promotions_active", "promotions", ["device_id"], unique=True, postgresql_where=sa.text("is_active"))
    op.create_table(
        "uploads",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("asset_sha256", sa.Text(), nullable=False),
        sa.Column("template_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["asset_sha256"], ["assets.sha256"], name=op.f("fk_uploads_asset_sha256_assets")),
        sa.ForeignKeyConstraint(["template_id"], ["templates.id"], name=op.f("fk_uploads_template_id_templates")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_uploads")),
    )
    op.create_index(op.f("ix_uploads_asset_sha256"), "uploads", ["asset_sha256"], unique=False)
    op.create_table(
        "promotion_days",
        sa.Column("promotion_id", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("cap", sa.Integer(), nullable=False),
        sa.CheckConstraint("used <= cap", name=op.f("ck_promotion_days_within_cap")),
        sa.ForeignKeyConstraint(["promotion_id"], ["promotions.id"], name=op.f("fk_promotion_days_promotion_id_promotions")),
        sa.PrimaryKeyConstraint("promotion_id", "day", name=op.f("pk_promotion_days")),
    )
    op.create_table(
        "shells",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("phone_model_id", sa.Text(), nullable=False),
        sa.Column("width_mm", sa.Numeric(precision=6, scale=2, asdecimal=False), nullable=False),
        sa.Column("height_mm", sa.Numeric(precision=6, scale=2, asdecimal=False), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("is_recorded", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.CheckConstraint("width_mm BETWEEN 30 AND 200 AND height_mm BETWEEN 100 AND 300", name=op.f("ck_shells_size")),
        sa.ForeignKeyConstraint(["phone_model_id"], ["phone_models.id"], name=op.f("fk_shells_phone_model_id_phone_models")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shells")),
    )
    op.create_index("uq_shells_default", "shells", ["phone_model_id"], unique=True, postgresql_where=sa.text("is_default"))
    op.create_table(
        "orders",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), server_default=sa.text("nextval('order_numbers')"), nullable=False),
        sa.Column("public_token", sa.Text(), nullable=False),
        sa.Column(
            "channel",
            sa.Enum("web", "app", "machine", name="channel", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column(
            "status",
            sa.Enum(
                "generating",
                "awaiting_approval",
                "awaiting_payment",
                "paid",
                "preparing",
                "submitting",
                "verifying",
                "in_production",
                "printed",
                "ready_for_collection",
                "to_ship",
                "shipped",
                "completed",
                "on_hold",
                "cancel_requested",
                "canceled",
                "expired",
                "failed",
                name="orderstatus",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "hold_reason",
            sa.Enum(
                "payment_mismatch",
                "print_file_failed",
                "announce_refused",
                "submit_refused",
                "outcome_unknown",
                "capture_failed",
                "print_failed",
                "overdue",
                "shipment_overdue",
                "refund_failed",
                name="holdreason",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=True,
        ),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("needs_attention", sa.Boolean(), nullable=False),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deadline", sa.DateTime(timezone=True), nullable=True),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("device_id", sa.Text(), nullable=False),
        sa.Column("brand_id", sa.Text(), nullable=False),
        sa.Column("brand_name", sa.Text(), nullable=False),
        sa.Column("model_id", sa.Text(), nullable=False),
        sa.Column("model_name", sa.Text(), nullable=False),
        sa.Column("shell_id", sa.Text(), nullable=False),
        sa.Column("template_id", sa.Text(), nullable=False),
        sa.Column("width_mm", sa.Numeric(precision=6, scale=2, asdecimal=False), nullable=False),
        sa.Column("height_mm", sa.Numeric(precision=6, scale=2, asdecimal=False), nullable=False),
        sa.Column("upload_name", sa.Text(), nullable=False),
        sa.Column("upload_attempt", sa.Integer(), nullable=False),
        sa.Column("approved_sha256", sa.Text(), nullable=False),
        sa.Column("print_sha256", sa.Text(), nullable=True),
        sa.Column("request_hash", sa.Text(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("currency", sa.Text(), server_default="gbp", nullable=False),
        sa.Column("promotion_id", sa.Text(), nullable=True),
        sa.Column("authorized", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("captured", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("refunded", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("disputed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("checkout_session_id", sa.Text(), nullable=True),
        sa.Column("payment_reference", sa.Text(), nullable=True),
        sa.Column("print_reference", sa.Text(), nullable=True),
        sa.Column("manufacturer_payment_id", sa.Text(), nullable=True),
        sa.Column("manufacturer_order_id", sa.Text(), nullable=True),
        sa.Column("manufacturer_status", sa.Integer(), nullable=True),
        sa.Column("queue_number", sa.Text(), nullable=True),
        sa.Column("carrier", sa.Text(), nullable=True),
        sa.Column("tracking", sa.Text(), nullable=True),
        sa.Column("customer_name", sa.Text(), nullable=True),
        sa.Column("customer_email", sa.Text(), nullable=True),
        sa.Column("customer_phone", sa.Text(), nullable=True),
        sa.Column("address_line1", sa.Text(), nullable=True),
        sa.Column("address_line2", sa.Text(), nullable=True),
        sa.Column("address_city", sa.Text(), nullable=True),
        sa.Column("address_postcode", sa.Text(), nullable=True),
        sa.Column("address_country", sa.Text(), nullable=True),
        sa.CheckConstraint("authorized >= 0", name=op.f("ck_orders_authorized")),
        sa.CheckConstraint("captured BETWEEN 0 AND authorized", name=op.f("ck_orders_captured")),
        sa.CheckConstraint("disputed >= 0", name=op.f("ck_orders_disputed")),
        sa.CheckConstraint("refunded BETWEEN 0 AND captured", name=op.f("ck_orders_refunded")),
        sa.CheckConstraint("total >= 0", name=op.f("ck_orders_total")),
        sa.CheckConstraint("upload_attempt >= 1", name=op.f("ck_orders_upload_attempt")),
        sa.CheckConstraint("version >= 1", name=op.f("ck_orders_version")),
        sa.ForeignKeyConstraint(["approved_sha256"], ["assets.sha256"], name=op.f("fk_orders_approved_sha256_assets")),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_orders_brand_id_brands")),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name=op.f("fk_orders_device_id_devices")),
        sa.ForeignKeyConstraint(["promotion_id"], ["promotions.id"], name=op.f("fk_orders_promotion_id_promotions")),
        sa.ForeignKeyConstraint(["shell_id"], ["shells.id"], name=op.f("fk_orders_shell_id_shells")),
        sa.ForeignKeyConstraint(["template_id"], ["templates.id"], name=op.f("fk_orders_template_id_templates")),
        sa.ForeignKeyConstraint(["upload_name"], ["uploads.name"], name=op.f("fk_orders_upload_name_uploads")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
        sa.UniqueConstraint("number", name=op.f("uq_orders_number")),
        sa.UniqueConstraint("public_token", name=op.f("uq_orders_public_token")),
        sa.UniqueConstraint("upload_name", "upload_attempt", name=op.f("uq_orders_upload_name_upload_attempt")),
    )
    op.create_index("ix_orders_attention", "orders", ["entered_at"], unique=False, postgresql_where=sa.text("needs_attention"))
    op.create_index(op.f("ix_orders_checkout_session_id"), "orders", ["checkout_session_id"], unique=False)
    op.create_index(op.f("ix_orders_device_id_placed_at"), "orders", ["device_id", "placed_at"], unique=False)
    op.create_index(op.f("ix_orders_placed_at"), "orders", ["placed_at"], unique=False)
    op.create_index(op.f("ix_orders_status_placed_at"), "orders", ["status", "placed_at"], unique=False)
    op.create_table(
        "print_files",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("approved_sha256", sa.Text(), nullable=False),
        sa.Column("shell_id", sa.Text(), nullable=False),
        sa.Column("renderer_version", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name=op.f("ck_print_files_sha256")),
        sa.ForeignKeyConstraint(["approved_sha256"], ["assets.sha256"], name=op.f("fk_print_files_approved_sha256_assets")),
        sa.ForeignKeyConstraint(["shell_id"], ["shells.id"], name=op.f("fk_print_files_shell_id_shells")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_print_files")),
        sa.UniqueConstraint(
            "approved_sha256",
            "shell_id",
            "renderer_version",
            name=op.f("uq_print_files_approved_sha256_shell_id_renderer_version"),
        ),
    )
    op.create_table(
        "stock_levels",
        sa.Column("device_id", sa.Text(), nullable=False),
        sa.Column("shell_id", sa.Text(), nullable=False),
        sa.Column("stock", sa.Integer(), nullable=False),
        sa.Column("held", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("held >= 0", name=op.f("ck_stock_levels_held")),
        sa.CheckConstraint("stock >= 0", name=op.f("ck_stock_levels_stock")),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name=op.f("fk_stock_levels_device_id_devices")),
        sa.ForeignKeyConstraint(["shell_id"], ["shells.id"], name=op.f("fk_stock_levels_shell_id_shells")),
        sa.PrimaryKeyConstraint("device_id", "shell_id", name=op.f("pk_stock_levels")),
    )
    op.create_table(
        "manufacturer_references",
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("PYEN", "OREN", name="referencekind", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("manufacturer_id", sa.Text(), nullable=True),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.Column("last_rank", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_manufacturer_references_order_id_orders")),
        sa.PrimaryKeyConstraint("reference", name=op.f("pk_manufacturer_references")),
        sa.UniqueConstraint("kind", "order_id", "attempt", name=op.f("uq_manufacturer_references_kind_order_id_attempt")),
    )
    op.create_index(
        "ix_manufacturer_references_due",
        "manufacturer_references",
        ["next_due_at"],
        unique=False,
        postgresql_where=sa.text("next_due_at IS NOT NULL"),
    )
    op.create_index(
        op.f("ix_manufacturer_references_manufacturer_id"), "manufacturer_references", ["manufacturer_id"], unique=False
    )
    op.create_index(op.f("ix_manufacturer_references_order_id"), "manufacturer_references", ["order_id"], unique=False)
    op.create_table(
        "operator_tasks",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "unknown_payment",
                "late_payment",
                "wrong_amount",
                "refund_due",
                "refund_failed",
                "dispute",
                name="taskkind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=True),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("currency", sa.Text(), server_default="gbp", nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by", sa.Text(), nullable=True),
        sa.Column("closing_note", sa.Text(), nullable=True),
        sa.CheckConstraint("(closed_at IS NULL) = (closed_by IS NULL)", name=op.f("ck_operator_tasks_closed")),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_operator_tasks_amount")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_operator_tasks_order_id_orders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operator_tasks")),
        sa.UniqueConstraint("kind", "subject", name=op.f("uq_operator_tasks_kind_subject")),
    )
    op.create_index(
        "ix_operator_tasks_open", "operator_tasks", ["opened_at"], unique=False, postgresql_where=sa.text("closed_at IS NULL")
    )
    op.create_index(op.f("ix_operator_tasks_order_id"), "operator_tasks", ["order_id"], unique=False)
    op.create_table(
        "order_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("transition", "progress", name="timelinekind", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column(
            "status",
            sa.Enum(
                "generating",
                "awaiting_approval",
                "awaiting_payment",
                "paid",
                "preparing",
                "submitting",
                "verifying",
                "in_production",
                "printed",
                "ready_for_collection",
                "to_ship",
                "shipped",
                "completed",
                "on_hold",
                "cancel_requested",
                "canceled",
                "expired",
                "failed",
                name="orderstatus",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=True,
        ),
        sa.Column(
            "hold_reason",
            sa.Enum(
                "payment_mismatch",
                "print_file_failed",
                "announce_refused",
                "submit_refused",
                "outcome_unknown",
                "capture_failed",
                "print_failed",
                "overdue",
                "shipment_overdue",
                "refund_failed",
                name="holdreason",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=True,
        ),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("manufacturer_status", sa.Integer(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("operator", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(kind = 'progress') = (reference IS NOT NULL AND manufacturer_status IS NOT NULL)",
            name=op.f("ck_order_events_progress"),
        ),
        sa.CheckConstraint(
            "(kind = 'transition') = (version IS NOT NULL AND status IS NOT NULL)", name=op.f("ck_order_events_transition")
        ),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_order_events_order_id_orders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_events")),
        sa.UniqueConstraint("order_id", "version", name=op.f("uq_order_events_order_id_version")),
        sa.UniqueConstraint("reference", "manufacturer_status", name=op.f("uq_order_events_reference_manufacturer_status")),
    )
    op.create_index(op.f("ix_order_events_order_id_at"), "order_events", ["order_id", "at"], unique=False)
    op.create_table(
        "order_lines",
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("unit_amount", sa.Integer(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.CheckConstraint("quantity >= 1", name=op.f("ck_order_lines_quantity")),
        sa.CheckConstraint("unit_amount >= 0", name=op.f("ck_order_lines_unit_amount")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_order_lines_order_id_orders")),
        sa.PrimaryKeyConstraint("order_id", "position", name=op.f("pk_order_lines")),
    )
    op.create_table(
        "payments",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("stripe_session_id", sa.Text(), nullable=True),
        sa.Column("payment_intent_id", sa.Text(), nullable=True),
        sa.Column("charge_id", sa.Text(), nullable=True),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "open",
                "authorized",
                "captured",
                "expired",
                "canceled",
                name="paymentstate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("authorized", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("captured", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("refunds_reported", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("refunds_recorded", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("currency", sa.Text(), server_default="gbp", nullable=False),
        sa.Column("checkout_url", sa.Text(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("capture_before", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("authorized >= 0", name=op.f("ck_payments_authorized")),
        sa.CheckConstraint("captured BETWEEN 0 AND authorized", name=op.f("ck_payments_captured")),
        sa.CheckConstraint("num_nonnulls(stripe_session_id, reference) = 1", name=op.f("ck_payments_one_provider")),
        sa.CheckConstraint("refunds_reported >= 0 AND refunds_recorded >= 0", name=op.f("ck_payments_refunds")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_payments_order_id_orders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payments")),
        sa.UniqueConstraint("payment_intent_id", name=op.f("uq_payments_payment_intent_id")),
        sa.UniqueConstraint("reference", name=op.f("uq_payments_reference")),
        sa.UniqueConstraint("stripe_session_id", name=op.f("uq_payments_stripe_session_id")),
    )
    op.create_index(op.f("ix_payments_order_id"), "payments", ["order_id"], unique=False)
    op.create_table(
        "refunds",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("stripe_refund_id", sa.Text(), nullable=False),
        sa.Column("payment_intent_id", sa.Text(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "pending",
                "requires_action",
                "succeeded",
                "failed",
                "canceled",
                name="refundstate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("counted", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("currency", sa.Text(), server_default="gbp", nullable=False),
        sa.Column("failure_reason", sa.Text(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("counted IN (0, amount)", name=op.f("ck_refunds_counted")),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_refunds_amount")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_refunds_order_id_orders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refunds")),
        sa.UniqueConstraint("order_id", "number", name=op.f("uq_refunds_order_id_number")),
        sa.UniqueConstraint("stripe_refund_id", name=op.f("uq_refunds_stripe_refund_id")),
    )
    op.create_index(op.f("ix_refunds_payment_intent_id"), "refunds", ["payment_intent_id"], unique=False)
    op.create_table(
        "stock_holds",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("device_id", sa.Text(), nullable=False),
        sa.Column("shell_id", sa.Text(), nullable=False),
        sa.Column("held_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("picked_up_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name=op.f("fk_stock_holds_device_id_devices")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_stock_holds_order_id_orders")),
        sa.ForeignKeyConstraint(["shell_id"], ["shells.id"], name=op.f("fk_stock_holds_shell_id_shells")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_holds")),
        sa.UniqueConstraint("order_id", name=op.f("uq_stock_holds_order_id")),
    )
    op.create_index(
        "ix_stock_holds_open",
        "stock_holds",
        ["device_id", "shell_id"],
        unique=False,
        postgresql_where=sa.text("released_at IS NULL"),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_table("stock_holds")
    op.drop_table("refunds")
    op.drop_table("payments")
    op.drop_table("order_lines")
    op.drop_table("order_events")
    op.drop_table("operator_tasks")
    op.drop_table("manufacturer_references")
    op.drop_table("stock_levels")
    op.drop_table("print_files")
    op.drop_table("orders")
    op.drop_table("shells")
    op.drop_table("promotion_days")
    op.drop_table("uploads")
    op.drop_table("promotions")
    op.drop_table("prices")
    op.drop_table("phone_models")
    op.drop_table("ai_styles")
    op.drop_table("templates")
    op.drop_table("inbox")
    op.drop_table("fonts")
    op.drop_table("devices")
    op.drop_table("colors")
    op.drop_table("brands")
    op.drop_table("assets")
    op.drop_table("add_ons")
    op.execute(sa.schema.DropSequence(sa.Sequence("reference_numbers")))
    op.execute(sa.schema.DropSequence(sa.Sequence("order_numbers")))
