"""Everything that differs between one installation and another, read from the environment once.

A variable is `<GROUP>_<FIELD>`: `STRIPE_API_KEY` is `settings.stripe.api_key`. Only composition roots call `load_settings()`;
everybody else is given the group that it needs. `.env.example` lists the variables.
"""

import re
from collections.abc import Iterator
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from pydantic import SecretBytes, SecretStr, ValidationError, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings import SettingsError as UnreadableVariableError

from config.fields import Account, Group, Key
from config.groups import (
    ApiSettings,
    ArtworkSettings,
    DatabaseSettings,
    GeminiSettings,
    ImageLinkSettings,
    LoggingSettings,
    ManufacturerSettings,
    OperatorSettings,
    OrderSettings,
    RetentionSettings,
    StockSettings,
    StorageSettings,
    StorefrontSettings,
    StripeSettings,
    TelemetrySettings,
    TemporalSettings,
    WorkerSettings,
)

__all__ = [
    "Account",
    "ApiSettings",
    "ArtworkSettings",
    "DatabaseSettings",
    "Environment",
    "GeminiSettings",
    "ImageLinkSettings",
    "Key",
    "LoggingSettings",
    "ManufacturerSettings",
    "OperatorSettings",
    "OrderSettings",
    "RetentionSettings",
    "Settings",
    "SettingsError",
    "StockSettings",
    "StorageSettings",
    "StorefrontSettings",
    "StripeSettings",
    "TelemetrySettings",
    "TemporalSettings",
    "WorkerSettings",
    "load_settings",
]

EXAMPLE_WORD = "insecure"
"""Every secret of .env.example carries it, so that none is ever used in earnest."""
_SHORTEST_SIGN_IN = 16
_SHORTEST_KEY = 32


class Environment(StrEnum):
    """How strict the settings are; an installation that does not say is taken for production."""

    DEVELOPMENT = "development"
    TEST = "test"
    PRODUCTION = "production"


class SettingsError(Exception):
    """The process cannot start: one sentence per problem, each naming its variable and none showing a secret."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Settings(BaseSettings):
    """All groups. Raises `pydantic.ValidationError`; `load_settings()` says the same in sentences."""

    model_config = SettingsConfigDict(
        env_nested_delimiter="_",
        env_nested_max_split=1,
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    environment: Environment = Environment.PRODUCTION
    database: DatabaseSettings
    temporal: TemporalSettings
    operator: OperatorSettings = OperatorSettings()
    stripe: StripeSettings
    manufacturer: ManufacturerSettings
    storage: StorageSettings
    gemini: GeminiSettings
    image_link: ImageLinkSettings
    storefront: StorefrontSettings
    api: ApiSettings = ApiSettings()
    worker: WorkerSettings = WorkerSettings()
    artwork: ArtworkSettings = ArtworkSettings()
    order: OrderSettings = OrderSettings()
    stock: StockSettings = StockSettings()
    retention: RetentionSettings = RetentionSettings()
    logging: LoggingSettings = LoggingSettings()
    telemetry: TelemetrySettings = TelemetrySettings()

    @property
    def is_production(self) -> bool:
        return self.environment is Environment.PRODUCTION

    @model_validator(mode="before")
    @classmethod
    def _name_what_is_missing(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Give absent groups as empty ones, so that the error names their variables."""
        return {name: {} for name, field in cls.model_fields.items() if field.is_required()} | values

    @model_validator(mode="after")
    def _fit(self) -> Self:
        problems = list(_contradictions(self))
        if self.is_production:
            problems += _unfit_for_production(self)
        if problems:
            raise ValueError("\n".join(dict.fromkeys(problems)))
        return self


def load_settings(env_file: Path | None = Path(".env")) -> Settings:
    """Read the environment and, below it, `env_file` where there is one. Raises `SettingsError`."""
    try:
        return Settings(_env_file=env_file)
    except ValidationError as error:
        # A default that depends on a broken field is not broken itself.
        details = [detail for detail in error.errors(include_input=False) if detail["type"] != "default_factory_not_called"]
        problems = [line for detail in details for line in _sentence(detail).splitlines()]
    except UnreadableVariableError as error:
        group = re.search(r'field "(\w+)"', str(error))
        name = group[1].upper() if group else "A variable"
        problems = [f"{name} is the name of a group: its settings are called {name}_<FIELD>."]
    # Raised here, not in the handler: the original error would print what the variables contain.
    raise SettingsError(problems)


def _sentence(detail: ErrorDetails) -> str:
    message = detail["msg"].removeprefix("Value error, ")
    location = [str(part) for part in detail["loc"]]
    if len(location) < 2 and location != ["environment"]:
        return "\n".join(f"{line}." for line in message.splitlines())
    name = "_".join(location[:2]).upper()
    if detail["type"] == "missing":
        return f"{name} is missing: {_purpose(*location[:2])}."
    message = message.replace("Input should be", "must be").replace("Value should have", "must have")
    message = message.replace(" after validation, not 0", "").replace("String should", "must")
    return f"{name} {message}."


def _purpose(group_name: str, field_name: str) -> str | None:
    group: type[Group] = Settings.__annotations__[group_name]
    return group.model_fields[field_name].description


def _contradictions(settings: Settings) -> Iterator[str]:
    longest = max(settings.stripe.timeout, settings.manufacturer.timeout)
    if settings.worker.graceful_shutdown <= longest:
        yield (
            f"WORKER_GRACEFUL_SHUTDOWN must be longer than {longest.total_seconds():g}s, which STRIPE_TIMEOUT and "
            "MANUFACTURER_TIMEOUT allow: a stopping worker must not cut off a call that moves money or prints"
        )
    if settings.stripe.livemode and not settings.is_production:
        yield f"STRIPE_LIVEMODE is true, but ENVIRONMENT is {settings.environment}: real money moves in production only"


def _unfit_for_production(settings: Settings) -> Iterator[str]:
    for name, value in _values(settings):
        yield from _unfit_value(name, value)
    if _is_this_machine(settings.temporal.address.rpartition(":")[0]):
        yield "TEMPORAL_ADDRESS is this machine, which production must not use"
    if settings.temporal.tls is None and not settings.temporal.uses_tls:
        yield "TEMPORAL_TLS is not set: say true, or false if the network to the server is private"
    if not settings.stripe.livemode:
        yield "STRIPE_LIVEMODE is false: in production a test card would buy a real case"
    if not settings.stripe.webhook_secrets:
        yield "STRIPE_WEBHOOK_SECRETS is missing: without one nobody tells us of payments"
    if any(len(account.secret) < _SHORTEST_SIGN_IN for account in settings.operator.accounts):
        yield f"OPERATOR_ACCOUNTS has a secret of fewer than {_SHORTEST_SIGN_IN} characters"
    if any(len(key) < _SHORTEST_KEY for key in settings.manufacturer.partner_keys):
        yield f"MANUFACTURER_PARTNER_KEYS has a key of fewer than {_SHORTEST_KEY} characters"


def _unfit_value(name: str, value: object) -> Iterator[str]:
    if isinstance(value, SecretStr | SecretBytes):
        value = value.get_secret_value()
    text = value.decode("latin-1") if isinstance(value, bytes) else value
    if not isinstance(text, str):
        return
    if EXAMPLE_WORD in text.lower():
        yield f"{name} still has an example value that anybody can read"
    if text.startswith(("http://", "https://")):
        address = urlsplit(text)
        if _is_this_machine(address.hostname or ""):
            yield f"{name} is this machine, which production must not use"
        elif address.scheme == "http":
            yield f"{name} is plain HTTP, which production must not use"


def _values(settings: Settings) -> Iterator[tuple[str, object]]:
    """Yield every single value with its variable's name; of keys and accounts, their secrets."""
    for group_name in Settings.model_fields:
        group = getattr(settings, group_name)
        if isinstance(group, Group):
            for field_name, value in group:
                for single in value if isinstance(value, tuple) else (value,):
                    secret = single.secret if isinstance(single, Key | Account) else single
                    yield f"{group_name}_{field_name}".upper(), secret


def _is_this_machine(host: str) -> bool:
    name = host.strip("[]").lower()
    if name in {"", "localhost", "host.docker.internal"} or name.endswith(".localhost"):
        return True
    try:
        address = ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified
