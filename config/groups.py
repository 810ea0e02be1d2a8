"""The groups of settings: one for each thing that an installation must be told about.

A variable is `<GROUP>_<FIELD>`; what it means stands under its field, and is what a person reads when it is missing.
"""

from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import parse_qs, urlsplit

from limits import parse_many
from pydantic import AfterValidator, Field, SecretStr, model_validator

from config.fields import Accounts, Duration, Group, HostAndPort, Keyring, Listed, Regex, WebAddress
from models.generation import GenerationPolicy
from models.order import OrderPolicy
from models.retention import RetentionPolicy

TaskQueue = Literal["orders", "artwork", "generation", "manufacturer"]
Dialect = Literal["guide", "interface"]
Port = Annotated[int, Field(ge=0, le=65535)]
Count = Annotated[int, Field(ge=1)]


def _database_url(value: SecretStr) -> SecretStr:
    parts = urlsplit(value.get_secret_value())
    if parts.scheme != "postgresql+asyncpg":
        message = "must begin with postgresql+asyncpg://"
        raise ValueError(message)
    if "sslmode" in parse_qs(parts.query):
        message = "must say ssl=require where libpq says sslmode=require: asyncpg does not know the other word"
        raise ValueError(message)
    return value


class DatabaseSettings(Group):
    """PostgreSQL."""

    url: Annotated[SecretStr, AfterValidator(_database_url)]
    """postgresql+asyncpg://user:password@host/database, or ?host=<folder> for a Unix socket"""
    pool_size: Count = 20
    max_overflow: Annotated[int, Field(ge=0)] = 10
    pool_timeout: Duration = timedelta(seconds=5)
    """How long a caller waits for a free connection."""
    pool_recycle: Duration = timedelta(minutes=30)
    connect_timeout: Duration = timedelta(seconds=5)
    statement_timeout: Duration = timedelta(seconds=10)


class TemporalSettings(Group):
    """The Temporal server, its Web UI, and the keys that payloads are encrypted with."""

    address: HostAndPort
    """host:port of the Temporal frontend"""
    namespace: str = "default"
    tls: bool | None = None
    """Unset means: on if there is an API key or a client certificate."""
    tls_server_ca_cert_path: Path | None = None
    tls_client_cert_path: Path | None = None
    tls_client_key_path: Path | None = None
    tls_server_name: str | None = None
    api_key: SecretStr | None = None
    codec_keys: Keyring
    """keys that payloads are encrypted with, <key id>:<base64 of 32 bytes>, the current one first"""
    codec_include_credentials: bool = False
    """Whether the Web UI sends the operator's sign-in to /codec (the Web UI has a variable of the same name)."""
    ui_origins: Listed[WebAddress] = ()
    """Where the Web UI is served; only pages from there may have payloads decrypted."""

    @property
    def uses_tls(self) -> bool:
        return self.tls if self.tls is not None else self.api_key is not None or self.tls_client_cert_path is not None

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if (self.tls_client_cert_path is None) != (self.tls_client_key_path is None):
            message = "TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH must be given together"
            raise ValueError(message)
        if self.tls is False and (self.api_key is not None or self.tls_client_cert_path is not None):
            message = "TEMPORAL_TLS is false, but TEMPORAL_API_KEY or a client certificate would then travel in clear text"
            raise ValueError(message)
        if self.codec_include_credentials and not self.ui_origins:
            message = "TEMPORAL_CODEC_INCLUDE_CREDENTIALS is true, so TEMPORAL_UI_ORIGINS must say whose credentials are accepted"
            raise ValueError(message)
        return self


class OperatorSettings(Group):
    """The people who may sign in to the back office and have payloads decrypted."""

    accounts: Accounts = ()
    """<name>:<secret>, separated by commas; without any, what operators may do does not exist"""


class StripeSettings(Group):
    """Stripe, or an emulator of it."""

    api_key: Annotated[SecretStr, Field(min_length=8)]
    """secret key (sk_…) or restricted key (rk_…)"""
    webhook_secrets: Listed[SecretStr] = ()
    """signing secrets (whsec_…); two while one is rolled over; without any the webhook does not exist"""
    webhook_tolerance: Duration = timedelta(minutes=5)
    api_base: WebAddress = "https://api.stripe.com"
    timeout: Duration = timedelta(seconds=20)
    livemode: bool = False
    """Whether real money moves; events and keys of the other mode are refused."""

    @model_validator(mode="after")
    def _agree(self) -> Self:
        is_test_key = self.api_key.get_secret_value().startswith(("sk_test_", "rk_test_"))
        if self.livemode and is_test_key:
            message = "STRIPE_LIVEMODE is true, but STRIPE_API_KEY is a test key"
            raise ValueError(message)
        if not self.livemode and not is_test_key:
            message = "STRIPE_LIVEMODE is false, but STRIPE_API_KEY is not a test key (sk_test_… or rk_test_…)"
            raise ValueError(message)
        return self


class ManufacturerSettings(Group):
    """The manufacturer's server, and which description of its interface it follows."""

    base_url: WebAddress
    """address of the manufacturer's interface up to and including /mobileShell/en"""
    dialect: Dialect = "guide"
    account: str
    """account that the manufacturer issued"""
    password: SecretStr
    """password of that account"""
    fixed_key: SecretStr
    """fixed value that ends every signed string"""
    system_name: str = "mobileShell"
    machine_pay_type: int = Field(default_factory=lambda group: {"guide": 10, "interface": 5}[group["dialect"]])
    """`pay_type` of a payment at the machine; the two dialects disagree."""
    default_device_id: str
    """machine that prints the orders of the web shop"""
    batch_size: Annotated[int, Field(ge=1, le=100)] = Field(
        default_factory=lambda group: {"guide": 1, "interface": 100}[group["dialect"]]
    )
    """References asked about in one call; that `guide` takes several is not confirmed by the manufacturer."""
    connect_timeout: Duration = timedelta(seconds=5)
    timeout: Duration = timedelta(seconds=30)
    token_lifetime: Duration = timedelta(hours=23)
    """How long a login token is used; the manufacturer keeps it for 24 hours."""
    partner_keys: Listed[SecretStr] = ()
    """Keys (Bearer) with which the manufacturer asks us; two while one is replaced; without any it is told nothing private."""


class StorageSettings(Group):
    """Cloudflare R2, or anything else that speaks S3."""

    endpoint_url: WebAddress
    """S3 endpoint, https://<account>.r2.cloudflarestorage.com for R2"""
    bucket: str
    """bucket that keeps pictures and print files"""
    access_key_id: str
    """access key of a token that may read, write, list and delete the bucket's objects"""
    secret_access_key: SecretStr
    """secret of that token"""
    region: str = "auto"
    prefix: str = ""
    connect_timeout: Duration = timedelta(seconds=5)
    timeout: Duration = timedelta(seconds=30)


class GeminiSettings(Group):
    """Google's Gemini API."""

    api_key: SecretStr
    """API key"""
    base_url: WebAddress = "https://generativelanguage.googleapis.com"
    model: str = "gemini-3-pro-image"
    """Nano Banana Pro; its `-preview` was switched off in June 2026."""
    image_size: Literal["1K", "2K", "4K"] = "2K"
    """Longest side of what is made; a print file is 1390 px wide and about 2900 px high."""
    timeout: Duration = timedelta(seconds=90)


_GENERATION = GenerationPolicy()


class ArtworkSettings(Group):
    """What AI pictures may cost; each generation keeps the values that it was started with."""

    per_session: Count = _GENERATION.per_session
    """Pictures for one vending session."""
    per_client_and_day: Count = _GENERATION.per_client_and_day
    """Pictures for one web customer (by address), in 24 hours."""
    daily_spend: Count = _GENERATION.daily_spend
    """Pence in 24 hours for everybody together; then no more are made until some are older."""
    price: Count = _GENERATION.price
    """Pence that one picture costs."""
    trademark_styles: bool = True
    """Whether styles are offered whose names somebody may own."""
    generate_wait: Duration = timedelta(seconds=60)
    """How long a request waits for its picture before it answers 202 and an address to ask at."""
    render_wait: Duration = timedelta(seconds=20)
    """How long a request waits for its design to be drawn before it answers 503 "try again"."""

    def policy(self) -> GenerationPolicy:
        """Return the limits as the contract that generations are started with."""
        return GenerationPolicy.model_validate(self.model_dump())


class ImageLinkSettings(Group):
    """Links under which browsers and the manufacturer fetch pictures from us."""

    keys: Keyring
    """keys that links are signed with, <key id>:<base64 of 32 bytes>, the current one first"""
    public_base_url: WebAddress
    """address of this API as the outside world sees it"""


class StorefrontSettings(Group):
    """The web shop that customers see."""

    url: WebAddress
    """address of the storefront; customers return there from Stripe"""
    cors_origins: Listed[WebAddress] = ()
    """Further origins whose pages may call the API."""
    cors_origin_regex: Regex | None = None


def _rate(value: str) -> str:
    try:
        parse_many(value)
    except ValueError as error:
        message = "must be a rate such as 10/minute or 100/hour"
        raise ValueError(message) from error
    return value


Rate = Annotated[str, AfterValidator(_rate)]


class ApiSettings(Group):
    """The HTTP process."""

    host: str = "127.0.0.1"
    port: Port = 8000
    trusted_proxies: Listed[IPv4Network | IPv6Network] = ()
    """Networks whose X-Forwarded-For is believed."""
    rate_storage_uri: SecretStr = SecretStr("memory://")
    """Where rates are counted (`limits` library): memory for one process, redis:// for several."""
    rate_default: Rate = "100/minute"
    """Per address."""
    rate_generate: Rate = "10/minute"
    """AI pictures, per address or session."""
    rate_photos: Rate = "60/minute"
    """Photos, per address: each is a second of processor time, and a shop's Wi-Fi is one address."""
    rate_session: Rate = "120/minute"
    """Per vending session: a shop's Wi-Fi is one address."""
    rate_machine: Rate = "20/minute"
    """New vending sessions, per address."""
    rate_partner: Rate = "6000/minute"
    """The manufacturer's questions, per address: its server asks for all machines."""
    rate_stickers: Rate = "3000/minute"
    """Pictures of stickers and backgrounds, per address: a screen asks for a hundred, and a shop's Wi-Fi is one address."""
    body_limit: Count = 1_000_000
    """Bytes; uploads have a limit of their own."""
    upload_limit: Count = 20_000_000
    update_wait: Duration = timedelta(seconds=20)
    """How long a request waits for its workflow before it answers 503 "try again"."""
    success_wait: Duration = timedelta(seconds=10)
    """How long the success page waits for the manufacturer's acceptance."""
    claim_wait: Duration = timedelta(seconds=4)
    """How long the storefront's claim of a payment waits for the manufacturer to confirm it."""


class WorkerSettings(Group):
    """The worker process."""

    task_queues: Annotated[Listed[TaskQueue], Field(min_length=1)] = (
        "orders",
        "artwork",
        "generation",
        "manufacturer",
    )
    workflow_concurrency: Count = 100
    cached_workflows: Count = 500
    orders_concurrency: Count = 50
    artwork_concurrency: Count = 2
    """Rendering is processor and memory: about one per core."""
    generation_concurrency: Count = 20
    """AI pictures that are waited for at once; each holds a photo and a picture in memory, about 20 MB."""
    manufacturer_concurrency: Count = 50
    manufacturer_seats_per_device: Count = 8
    """Tries for one machine that may be under way at once, of `manufacturer_concurrency`: one that hangs delays no other."""
    manufacturer_tasks_per_second: Annotated[float, Field(gt=0)] | None = None
    """The manufacturer's rate limit, kept by Temporal for all workers together; unset leaves what the server was told."""
    graceful_shutdown: Duration = timedelta(seconds=45)
    """How long running activities may take to finish; must outlast the longest call that moves money or prints."""
    versioning: bool = False
    """Off: any worker takes any order. On: the deployment must set a current version, or no workflow runs at all."""
    deployment_name: Annotated[str, Field(pattern=r"^[^.\s]+$")] = "pimpmycase-orders"
    build_id: str | None = None

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.versioning and not self.build_id:
            message = "WORKER_VERSIONING is true, so WORKER_BUILD_ID must name the build"
            raise ValueError(message)
        return self


_POLICY = OrderPolicy()


class OrderSettings(Group):
    """How long orders wait; each order keeps the values that it was started with (see `models.order.OrderPolicy`)."""

    approval_limit: Duration = _POLICY.approval_limit
    checkout_lifetime: Duration = _POLICY.checkout_lifetime
    hold_deadline: Duration = _POLICY.hold_deadline
    production_limit: Duration = _POLICY.production_limit
    packing_limit: Duration = _POLICY.packing_limit
    collection_limit: Duration = _POLICY.collection_limit
    delivery_limit: Duration = _POLICY.delivery_limit
    capture_margin: Duration = _POLICY.capture_margin

    def policy(self) -> OrderPolicy:
        """Return these durations as the contract that orders are started with."""
        return OrderPolicy.model_validate(self.model_dump())

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if not timedelta(minutes=30) <= self.checkout_lifetime < timedelta(hours=24):
            # https://docs.stripe.com/api/checkout/sessions/create#create_checkout_session-expires_at
            message = "ORDER_CHECKOUT_LIFETIME must be at least 30m and less than 24h: Stripe takes nothing else"
            raise ValueError(message)
        return self


class StockSettings(Group):
    """How often the manufacturer's lists are read, and when they count as old."""

    interval: Duration = timedelta(minutes=5)
    """Between two counts of a machine."""
    brands_interval: Duration = timedelta(hours=6)
    """Between two readings of the list of brands."""
    stale_after: Duration = timedelta(minutes=30)
    """From this age on `/health` says that a count is stale; it is sold by all the same."""

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.stale_after < 2 * self.interval:
            message = "STOCK_STALE_AFTER must be at least twice STOCK_INTERVAL, or every count would be stale before the next one"
            raise ValueError(message)
        return self


_RETENTION = RetentionPolicy()
_SHORTEST_RETENTION = timedelta(days=8)


class RetentionSettings(Group):
    """How long the bytes of pictures are kept; orders that are not over keep theirs, however long they take."""

    designs: Duration = _RETENTION.designs
    """What was never ordered, after its last use."""
    orders: Duration = _RETENTION.orders
    """Print file, pictures and previews of an order, after its end."""
    grace: Duration = _RETENTION.grace
    """From giving something up to erasing it."""
    interval: Duration = timedelta(days=1)
    """Between two runs."""

    def policy(self) -> RetentionPolicy:
        """Return these durations as the contract that runs are started with."""
        return RetentionPolicy(designs=self.designs, orders=self.orders, grace=self.grace)

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if min(self.designs, self.orders) < _SHORTEST_RETENTION:
            message = "RETENTION_DESIGNS and RETENTION_ORDERS must be at least 8d: links to pictures are renewed for a week"
            raise ValueError(message)
        if self.grace < timedelta(hours=1):
            message = "RETENTION_GRACE must be at least 1h: what was found just before is still being used"
            raise ValueError(message)
        return self


class LoggingSettings(Group):
    """What is logged, and for whose eyes."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    format: Literal["json", "console"] = "json"


class TelemetrySettings(Group):
    """Metrics for Prometheus."""

    metrics_address: HostAndPort | None = None
    """host:port that this process serves /metrics on; every process needs its own"""
