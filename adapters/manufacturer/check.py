"""``python -m adapters.manufacturer.check``: does the manufacturer accept this configuration, and in which dialect?

Reads the ``MANUFACTURER_`` variables alone, so it can be run before anything else is configured. It lists the brands in either
dialect (after a login in the one that has logins), which changes nothing at the manufacturer, and ends with status 0 if and only
if the configured dialect is accepted, 1 if it is not and 2 if a variable is missing. Secrets are never printed.
"""

import asyncio
import sys
import time
from dataclasses import dataclass
from typing import get_args

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from adapters.manufacturer.client import connect
from config.groups import Dialect, ManufacturerSettings
from models.errors import ProviderError


class _Environment(BaseSettings):
    """The one group that is checked, spelled as everywhere else."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_nested_delimiter="_",
        env_nested_max_split=1,
        env_ignore_empty=True,
        extra="ignore",
        hide_input_in_errors=True,
    )

    manufacturer: ManufacturerSettings


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of trying one dialect; ``refusal`` is None if it is accepted."""

    dialect: Dialect
    brands: int
    milliseconds: int
    refusal: str | None

    def __str__(self) -> str:
        if self.refusal is not None:
            return f"{self.dialect}: refused: {self.refusal}"
        return f"{self.dialect}: accepted, {self.brands} brands in {self.milliseconds} ms"


async def try_dialect(settings: ManufacturerSettings, dialect: Dialect) -> Finding:
    """List the brands in ``dialect``, whatever the settings say."""
    started = time.perf_counter()
    brands, refusal = 0, None
    async with connect(settings.model_copy(update={"dialect": dialect})) as client:
        try:
            brands = len(await client.brands())
        except ProviderError as error:
            refusal = f"{type(error).__name__}, {error.message}"
    return Finding(dialect, brands, round((time.perf_counter() - started) * 1000), refusal)


async def check(settings: ManufacturerSettings) -> bool:
    """Print what the manufacturer says to each dialect; True if it accepts the configured one."""
    sys.stdout.write(f"{settings.base_url}, configured dialect {settings.dialect}\n")
    findings = [await try_dialect(settings, dialect) for dialect in get_args(Dialect)]
    for finding in findings:
        sys.stdout.write(f"  {finding}\n")
    return any(finding.refusal is None for finding in findings if finding.dialect == settings.dialect)


def main() -> int:
    try:
        settings = _Environment().manufacturer
    except ValidationError as error:
        # A default that depends on a broken variable is not broken itself.
        for detail in (detail for detail in error.errors(include_input=False) if detail["type"] != "default_factory_not_called"):
            name = "_".join(str(part) for part in detail["loc"]).upper()
            sys.stderr.write(f"{name}: {detail['msg']}\n")
        return 2
    return 0 if asyncio.run(check(settings)) else 1


if __name__ == "__main__":
    sys.exit(main())
