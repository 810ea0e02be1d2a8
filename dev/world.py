"""Where everything of a development world listens, and the environment that API, worker and emulators get.

The values are those of `.env.example`, whose secrets all say that they are insecure; only addresses differ from run to run.
"""

import json
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Self

from dotenv import dotenv_values

from dev.guard import ROOT

DATABASE = "pimpmycase"
HOST = "127.0.0.1"
STOCK_PER_SHELL = 50
"""How many of each shell the emulated machines hold at first, and after a refill."""
PRINT_STEP = timedelta(seconds=1)
"""How long a print attempt stays in each of its states: slow enough to be watched."""


@dataclass(frozen=True, kw_only=True)
class Ports:
    """One port for each thing that listens; the option that moves `temporal_ui` is `--temporal-ui-port`."""

    api: int = 8000
    temporal: int = 7233
    temporal_ui: int = 8233
    stripe: int = 8101
    manufacturer: int = 8102
    gemini: int = 8103
    s3: int = 8104
    storefront: int = 5173

    def moved_by(self, offset: int) -> Self:
        return type(self)(**{field.name: getattr(self, field.name) + offset for field in fields(self)})

    @staticmethod
    def option(name: str) -> str:
        return f"--{name.replace('_', '-')}-port"

    def address(self, name: str) -> str:
        """`127.0.0.1:<port>` of one of them."""
        return f"{HOST}:{getattr(self, name)}"

    def url(self, name: str) -> str:
        return f"http://{self.address(name)}"


def devices() -> tuple[str, ...]:
    """The machines of the catalogue, the one that prints web orders first; the emulated manufacturer has the same ones."""
    catalogue = ROOT / "adapters" / "postgres" / "catalogue.json"
    machines = json.loads(catalogue.read_text(encoding="utf-8"))["devices"]
    return tuple(machine["id"] for machine in sorted(machines, key=lambda machine: not machine["is_default"]))


def environment(ports: Ports, database_url: str) -> dict[str, str]:
    """Return the variables of `config/settings.py` for this world; in a child they win over the shell's and over `.env`."""
    example = {name: value for name, value in dotenv_values(ROOT / ".env.example").items() if value}
    return example | {
        "DATABASE_URL": database_url,
        "TEMPORAL_ADDRESS": ports.address("temporal"),
        "TEMPORAL_UI_ORIGINS": f"{ports.url('temporal_ui')},http://localhost:{ports.temporal_ui}",
        "STRIPE_API_BASE": ports.url("stripe"),
        "MANUFACTURER_BASE_URL": f"{ports.url('manufacturer')}/mobileShell/en",
        "MANUFACTURER_DEFAULT_DEVICE_ID": devices()[0],
        "STORAGE_ENDPOINT_URL": ports.url("s3"),
        "GEMINI_BASE_URL": ports.url("gemini"),
        "IMAGE_LINK_PUBLIC_BASE_URL": ports.url("api"),
        "STOREFRONT_URL": ports.url("storefront"),
        "API_HOST": HOST,
        "API_PORT": str(ports.api),
    }
