"""Every mistake in the environment stops the process with a sentence that names the variable and shows no secret."""

import base64
import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from unittest import mock

import pytest
from pydantic import SecretBytes, SecretStr, ValidationError

from config.fields import Account, Group, Key
from config.groups import ManufacturerSettings, OrderSettings, TemporalSettings
from config.settings import Environment, Settings, SettingsError, load_settings
from models.order import OrderPolicy

EXAMPLE = Path(__file__).parents[2] / ".env.example"


def key(text: str, key_id: str = "k1") -> str:
    return f"{key_id}:{base64.b64encode(text.encode()).decode()}"


PRODUCTION = {
    "ENVIRONMENT": "production",
    "DATABASE_URL": "postgresql+asyncpg://shop:s3cr3t-of-the-database@db.example/shop?ssl=require",
    "TEMPORAL_ADDRESS": "temporal.example:7233",
    "TEMPORAL_TLS": "true",
    "TEMPORAL_CODEC_KEYS": key("y" * 32, "2026"),
    "STRIPE_API_KEY": "sk_live_51abcdefgh",
    "STRIPE_WEBHOOK_SECRETS": "whsec_new,whsec_old",
    "STRIPE_LIVEMODE": "true",
    "MANUFACTURER_BASE_URL": "https://manufacturer.example/mobileShell/en/",
    "MANUFACTURER_ACCOUNT": "shop",
    "MANUFACTURER_PASSWORD": "s3cr3t-password",
    "MANUFACTURER_FIXED_KEY": "s3cr3t-fixed-key",
    "MANUFACTURER_DEFAULT_DEVICE_ID": "ABCDEF123456",
    "STORAGE_ENDPOINT_URL": "https://account.r2.cloudflarestorage.com",
    "STORAGE_BUCKET": "pictures",
    "STORAGE_ACCESS_KEY_ID": "AKIA",
    "STORAGE_SECRET_ACCESS_KEY": "s3cr3t-storage",
    "GEMINI_API_KEY": "s3cr3t-gemini",
    "IMAGE_LINK_KEYS": key("x" * 32, "2026"),
    "IMAGE_LINK_PUBLIC_BASE_URL": "https://api.shop.example",
    "STOREFRONT_URL": "https://shop.example",
}


def load(changes: Mapping[str, str | None] | None = None) -> Settings:
    """Load settings from nothing but a good production environment and the changes given; None removes a variable."""
    variables = {name: value for name, value in {**PRODUCTION, **(changes or {})}.items() if value is not None}
    with mock.patch.dict(os.environ, variables, clear=True):
        return load_settings(None)


def sentences(changes: Mapping[str, str | None]) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(changes)
    return caught.value.problems


def test_a_good_production_environment_is_accepted():
    settings = load()

    assert settings.is_production
    assert settings.stripe.webhook_secrets == (SecretStr("whsec_new"), SecretStr("whsec_old"))
    assert settings.manufacturer.base_url == "https://manufacturer.example/mobileShell/en"
    assert settings.temporal.uses_tls


def test_an_installation_that_does_not_say_what_it_is_is_taken_for_production():
    assert load({"ENVIRONMENT": None}).environment is Environment.PRODUCTION


def test_the_example_file_works_in_development():
    with mock.patch.dict(os.environ, {}, clear=True):
        settings = load_settings(EXAMPLE)

    assert settings.environment is Environment.DEVELOPMENT


def test_a_variable_of_the_process_wins_over_the_file():
    with mock.patch.dict(os.environ, {"API_PORT": "1234"}, clear=True):
        assert load_settings(EXAMPLE).api.port == 1234


def test_the_example_file_shows_every_variable_with_its_default():
    """Nobody has to read the code to find a setting, and what stands behind # is what the code does."""
    lines = [line.lstrip("#") for line in EXAMPLE.read_text().splitlines() if "=" in line and not line.startswith("# ")]
    shown = dict(line.split("=", 1) for line in lines)
    with mock.patch.dict(os.environ, {}, clear=True):
        as_is = load_settings(EXAMPLE)
    groups = [(name, group) for name, group in as_is if isinstance(group, Group)]
    existing = {f"{name}_{field}".upper() for name, group in groups for field in type(group).model_fields}

    assert set(shown) == existing | {"ENVIRONMENT"}
    defaults = {
        line.lstrip("#").split("=", 1)[0]: line.split("=", 1)[1]
        for line in EXAMPLE.read_text().splitlines()
        if line.startswith("#") and not line.startswith("# ") and "=" in line
    }
    for name in (
        "OPERATOR_ACCOUNTS",
        "STOREFRONT_CORS_ORIGINS",
        "API_TRUSTED_PROXIES",
        "TEMPORAL_TLS",
        "TELEMETRY_METRICS_ADDRESS",
    ):
        del defaults[name]  # examples of values: the default is none
    with mock.patch.dict(os.environ, defaults, clear=True):
        assert load_settings(EXAMPLE) == as_is


def test_every_missing_variable_is_named_at_once_with_what_it_is_for():
    with mock.patch.dict(os.environ, {}, clear=True), pytest.raises(SettingsError) as caught:
        load_settings(None)

    required = {
        name for name in PRODUCTION if name not in {"ENVIRONMENT", "TEMPORAL_TLS", "STRIPE_LIVEMODE", "STRIPE_WEBHOOK_SECRETS"}
    }
    assert {problem.split(" is missing: ")[0] for problem in caught.value.problems} == required
    assert "STRIPE_API_KEY is missing: secret key (sk_…) or restricted key (rk_…)." in caught.value.problems


def test_an_empty_variable_is_a_missing_one():
    assert sentences({"STORAGE_BUCKET": ""}) == ["STORAGE_BUCKET is missing: bucket that keeps pictures and print files."]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"ENVIRONMENT": "prod"}, "ENVIRONMENT must be 'development', 'test' or 'production'."),
        ({"DATABASE_URL": "sqlite:///x.db"}, "DATABASE_URL must begin with postgresql+asyncpg://."),
        (
            {"DATABASE_URL": "postgresql+asyncpg://u:p@h/d?sslmode=require"},
            "DATABASE_URL must say ssl=require where libpq says sslmode=require: asyncpg does not know the other word.",
        ),
        ({"DATABASE_POOL_SIZE": "0"}, "DATABASE_POOL_SIZE must be greater than or equal to 1."),
        ({"API_UPDATE_WAIT": "20"}, "API_UPDATE_WAIT must be a duration such as 500ms, 20s, 30m, 24h or 14d."),
        ({"API_UPDATE_WAIT": "0s"}, "API_UPDATE_WAIT must be longer than zero."),
        ({"API_RATE_DEFAULT": "often"}, "API_RATE_DEFAULT must be a rate such as 10/minute or 100/hour."),
        ({"TEMPORAL_ADDRESS": "temporal.example"}, "TEMPORAL_ADDRESS must be host:port."),
        ({"TEMPORAL_CODEC_KEYS": ","}, "TEMPORAL_CODEC_KEYS must have at least 1 item."),
        ({"TEMPORAL_CODEC_KEYS": "abc"}, "TEMPORAL_CODEC_KEYS must be a list of <key id>:<base64>, separated by commas."),
        ({"TEMPORAL_CODEC_KEYS": "k1:abc!"}, "TEMPORAL_CODEC_KEYS holds a key 'k1' that is not base64."),
        (
            {"TEMPORAL_CODEC_KEYS": key("short")},
            "TEMPORAL_CODEC_KEYS holds a key 'k1' of 5 bytes; a key has 32 (`openssl rand -base64 32` makes one).",
        ),
        ({"TEMPORAL_CODEC_KEYS": f"{key('x' * 32)},{key('y' * 32)}"}, "TEMPORAL_CODEC_KEYS names the key id 'k1' twice."),
        ({"TEMPORAL_CODEC_KEYS": key("x" * 32, "k 1")}, "TEMPORAL_CODEC_KEYS must match pattern '^[A-Za-z0-9._-]{1,64}$'."),
        (
            {"TEMPORAL_TLS_CLIENT_CERT_PATH": "/cert.pem"},
            "TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH must be given together.",
        ),
        (
            {"TEMPORAL_TLS": "false", "TEMPORAL_API_KEY": "s3cr3t-temporal"},
            "TEMPORAL_TLS is false, but TEMPORAL_API_KEY or a client certificate would then travel in clear text.",
        ),
        (
            {"TEMPORAL_CODEC_INCLUDE_CREDENTIALS": "true"},
            "TEMPORAL_CODEC_INCLUDE_CREDENTIALS is true, so TEMPORAL_UI_ORIGINS must say whose credentials are accepted.",
        ),
        ({"OPERATOR_ACCOUNTS": "anna"}, "OPERATOR_ACCOUNTS must be a list of <name>:<secret>, separated by commas."),
        (
            {"OPERATOR_ACCOUNTS": "anna:0123456789abcdef,anna:fedcba9876543210"},
            "OPERATOR_ACCOUNTS names the name 'anna' twice.",
        ),
        ({"STRIPE_API_KEY": "sk_test_51abcdefgh"}, "STRIPE_LIVEMODE is true, but STRIPE_API_KEY is a test key."),
        (
            {"STRIPE_LIVEMODE": "false"},
            "STRIPE_LIVEMODE is false, but STRIPE_API_KEY is not a test key (sk_test_… or rk_test_…).",
        ),
        ({"MANUFACTURER_DIALECT": "mandarin"}, "MANUFACTURER_DIALECT must be 'guide' or 'interface'."),
        (
            {"MANUFACTURER_BASE_URL": "manufacturer.example"},
            "MANUFACTURER_BASE_URL must be a web address that begins with https:// (or http:// in development).",
        ),
        (
            {"MANUFACTURER_BASE_URL": "https://me:you@manufacturer.example"},
            "MANUFACTURER_BASE_URL must be a plain web address, without sign-in, query or fragment.",
        ),
        ({"STOREFRONT_CORS_ORIGIN_REGEX": "("}, "STOREFRONT_CORS_ORIGIN_REGEX must be a regular expression: "),
        (
            {"WORKER_TASK_QUEUES": "orders,kitchen"},
            "WORKER_TASK_QUEUES must be 'orders', 'artwork', 'generation' or 'manufacturer'.",
        ),
        ({"WORKER_VERSIONING": "true"}, "WORKER_VERSIONING is true, so WORKER_BUILD_ID must name the build."),
        (
            {"ORDER_CHECKOUT_LIFETIME": "10m"},
            "ORDER_CHECKOUT_LIFETIME must be at least 30m and less than 24h: Stripe takes nothing else.",
        ),
        (
            {"STOCK_INTERVAL": "20m"},
            "STOCK_STALE_AFTER must be at least twice STOCK_INTERVAL, or every count would be stale before the next one.",
        ),
        (
            {"WORKER_GRACEFUL_SHUTDOWN": "30s"},
            "WORKER_GRACEFUL_SHUTDOWN must be longer than 30s, which STRIPE_TIMEOUT and MANUFACTURER_TIMEOUT allow: ",
        ),
        (
            {"ENVIRONMENT": "test"},
            "STRIPE_LIVEMODE is true, but ENVIRONMENT is test: real money moves in production only.",
        ),
        ({"STORAGE": "s3"}, "STORAGE is the name of a group: its settings are called STORAGE_<FIELD>."),
    ],
)
def test_a_mistake_is_named_in_one_sentence(changes: dict[str, str | None], sentence: str):
    (problem,) = sentences(changes)

    assert problem.startswith(sentence)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"TEMPORAL_ADDRESS": "127.0.0.1:7233"}, "TEMPORAL_ADDRESS is this machine, which production must not use."),
        ({"TEMPORAL_ADDRESS": "[::1]:7233"}, "TEMPORAL_ADDRESS is this machine, which production must not use."),
        (
            {"TEMPORAL_TLS": None},
            "TEMPORAL_TLS is not set: say true, or false if the network to the server is private.",
        ),
        ({"STRIPE_API_BASE": "https://localhost:8101"}, "STRIPE_API_BASE is this machine, which production must not use."),
        ({"STRIPE_API_BASE": "http://stripe.internal"}, "STRIPE_API_BASE is plain HTTP, which production must not use."),
        ({"GEMINI_BASE_URL": "http://10.0.0.4"}, "GEMINI_BASE_URL is plain HTTP, which production must not use."),
        (
            {"MANUFACTURER_BASE_URL": "http://manufacturer.example"},
            "MANUFACTURER_BASE_URL is plain HTTP, which production must not use.",
        ),
        ({"STORAGE_ENDPOINT_URL": "https://127.0.0.2"}, "STORAGE_ENDPOINT_URL is this machine, which production must not use."),
        (
            {"IMAGE_LINK_PUBLIC_BASE_URL": "https://0.0.0.0"},
            "IMAGE_LINK_PUBLIC_BASE_URL is this machine, which production must not use.",
        ),
        ({"STOREFRONT_URL": "https://shop.localhost"}, "STOREFRONT_URL is this machine, which production must not use."),
        (
            {"STOREFRONT_CORS_ORIGINS": "https://a.example,http://b.example,http://c.example"},
            "STOREFRONT_CORS_ORIGINS is plain HTTP, which production must not use.",
        ),
        (
            {"STRIPE_LIVEMODE": "false", "STRIPE_API_KEY": "sk_test_51abcdefgh"},
            "STRIPE_LIVEMODE is false: in production a test card would buy a real case.",
        ),
        ({"STRIPE_WEBHOOK_SECRETS": None}, "STRIPE_WEBHOOK_SECRETS is missing: without one nobody tells us of payments."),
        (
            {"MANUFACTURER_PARTNER_KEYS": f"{'k' * 32},{'k' * 31}"},
            "MANUFACTURER_PARTNER_KEYS has a key of fewer than 32 characters.",
        ),
        ({"OPERATOR_ACCOUNTS": "anna:short"}, "OPERATOR_ACCOUNTS has a secret of fewer than 16 characters."),
    ],
)
def test_production_refuses_what_belongs_on_a_laptop(changes: dict[str, str | None], sentence: str):
    assert sentences(changes) == [sentence]


def test_production_refuses_every_secret_of_the_example_file():
    example = dict(line.split("=", 1) for line in EXAMPLE.read_text().splitlines() if line and not line.startswith("#"))
    fake = {name: value for name, value in example.items() if "insecure" in value}
    fake.pop("STRIPE_API_KEY")  # a test key, refused by another sentence already
    assert len(fake) >= 10

    for name, value in fake.items():
        assert sentences({name: value}) == [f"{name} still has an example value that anybody can read."]


def test_no_sentence_and_no_trace_shows_a_secret():
    """A process that cannot start writes its error into a log that many can read."""
    changes = {
        "DATABASE_URL": "mysql://u:s3cr3t-of-the-database@h/d",
        "STRIPE_API_KEY": "s3cr3t",
        "MANUFACTURER_DEFAULT_DEVICE_ID": None,
    }

    with pytest.raises(SettingsError) as caught:
        load(changes)

    assert len(caught.value.problems) == 3
    assert "s3cr3t" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_secrets_are_not_shown_when_settings_are_printed():
    assert "s3cr3t" not in repr(load({"OPERATOR_ACCOUNTS": "anna:s3cr3t-of-sixteen-letters"}))


@pytest.mark.parametrize(("dialect", "pay_type", "batch_size"), [(None, 10, 1), ("guide", 10, 1), ("interface", 5, 100)])
def test_the_dialect_decides_what_is_not_said(dialect: str | None, pay_type: int, batch_size: int):
    manufacturer = load({"MANUFACTURER_DIALECT": dialect}).manufacturer

    assert (manufacturer.machine_pay_type, manufacturer.batch_size) == (pay_type, batch_size)


def test_what_is_said_wins_over_the_dialect():
    assert load({"MANUFACTURER_MACHINE_PAY_TYPE": "7"}).manufacturer.machine_pay_type == 7


def test_orders_are_started_with_the_configured_durations():
    policy = load({"ORDER_HOLD_DEADLINE": "90m", "ORDER_DELIVERY_LIMIT": "21d"}).order.policy()

    assert policy == OrderPolicy(hold_deadline=timedelta(minutes=90), delivery_limit=timedelta(days=21))


def test_every_duration_of_an_order_is_a_setting():
    assert set(OrderSettings.model_fields) == set(OrderPolicy.model_fields)


def test_groups_can_be_made_without_an_environment():
    """Tests and the developer's runner give values, not texts."""
    temporal = TemporalSettings(address="127.0.0.1:7233", codec_keys=(Key(id="k", secret=SecretBytes(b"k" * 32)),))

    assert not temporal.uses_tls
    assert temporal.codec_keys[0].secret.get_secret_value() == b"k" * 32
    assert Account(name="anna", secret=SecretStr("s")).name == "anna"


def test_settings_cannot_be_changed_once_read():
    settings = load()

    with pytest.raises(ValidationError):
        settings.stripe.livemode = False  # type: ignore[misc]
    with pytest.raises(ValidationError):
        settings.environment = Environment.TEST  # type: ignore[misc]
    assert isinstance(settings.manufacturer, ManufacturerSettings)
