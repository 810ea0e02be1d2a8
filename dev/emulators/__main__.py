"""Serves every emulator, each on its own port, in one process, until it is told to stop.

It reads the settings that API and worker read: where they look for a provider is where its emulator listens, and the secrets
that they use are the ones that are accepted. Run by `python -m dev`, by compose, or by hand: `python -m dev.emulators`.
"""

import argparse
import asyncio
import signal
import sys
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from starlette.types import ASGIApp

from config.settings import Settings, SettingsError, load_settings
from dev.emulators import s3
from dev.emulators.gemini.app import create_app as create_gemini
from dev.emulators.gemini.settings import GeminiEmulatorSettings
from dev.emulators.manufacturer.app import create_app as create_manufacturer
from dev.emulators.manufacturer.settings import ManufacturerEmulatorSettings
from dev.emulators.s3 import S3EmulatorSettings
from dev.emulators.serving import serving
from dev.emulators.stripe.app import create_app as create_stripe
from dev.emulators.stripe.settings import StripeEmulatorSettings
from dev.storefront_app.app import create_app as create_storefront
from dev.world import PRINT_STEP, STOCK_PER_SHELL, devices


def build(settings: Settings, data: Path, *, print_step: timedelta = PRINT_STEP) -> dict[int, ASGIApp]:
    """Return each emulator under the port at which the settings expect it; their state is kept in `data`."""
    api = settings.image_link.public_base_url
    stripe_app = create_stripe(
        StripeEmulatorSettings(
            api_key=settings.stripe.api_key.get_secret_value(),
            webhook_urls=(f"{api}/stripe-webhook",),
            webhook_secrets=tuple(secret.get_secret_value() for secret in settings.stripe.webhook_secrets),
            state_file=data / "stripe.sqlite",
            public_url=settings.stripe.api_base,
        )
    )
    manufacturer_app = create_manufacturer(
        ManufacturerEmulatorSettings(
            dialect=settings.manufacturer.dialect,
            account=settings.manufacturer.account,
            password=settings.manufacturer.password.get_secret_value(),
            fixed_key=settings.manufacturer.fixed_key.get_secret_value(),
            payment_callback_url=f"{api}/api/chinese/order/payStatus",
            order_callback_url=f"{api}/api/chinese/order/status-update",
            devices=devices(),
            stock_per_shell=STOCK_PER_SHELL,
            print_step=print_step,
            state_file=data / "manufacturer.sqlite",
        )
    )
    s3_app = s3.create_app(
        S3EmulatorSettings(
            folder=data / "buckets",
            buckets=(settings.storage.bucket,),
            access_key=settings.storage.access_key_id,
            secret_key=settings.storage.secret_access_key.get_secret_value(),
            region=settings.storage.region,
        )
    )
    gemini_app = create_gemini(
        GeminiEmulatorSettings(
            api_key=settings.gemini.api_key.get_secret_value(),
            models=(settings.gemini.model,),
            state_file=data / "gemini.sqlite",
        )
    )
    return {
        _port(settings.gemini.base_url): gemini_app,
        _port(settings.stripe.api_base): stripe_app,
        _port(settings.manufacturer.base_url): manufacturer_app,
        _port(settings.storage.endpoint_url): s3_app,
        _port(settings.storefront.url): create_storefront(api, machines=devices()[1:], state_file=data / "storefront.sqlite"),
    }


async def serve(apps: dict[int, ASGIApp], host: str) -> None:
    """Serve until SIGINT or SIGTERM, then let every app finish."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    async with AsyncExitStack() as stack:
        for port, app in apps.items():
            await stack.enter_async_context(serving(app, host, port))
        await stop.wait()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m dev.emulators", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (%(default)s)")
    parser.add_argument("--data", type=Path, default=Path(".data/emulators"), help="where to keep their state (%(default)s)")
    default_step = PRINT_STEP.total_seconds()
    parser.add_argument(
        "--print-step",
        type=float,
        default=default_step,
        metavar="SECONDS",
        help="how long each step of a print takes (%(default)s)",
    )
    arguments = parser.parse_args()
    try:
        settings = load_settings()
    except SettingsError as error:
        sys.exit(str(error))
    apps = build(settings, arguments.data, print_step=timedelta(seconds=arguments.print_step))
    asyncio.run(serve(apps, arguments.host))


def _port(url: str) -> int:
    address = urlsplit(url)
    return address.port or (443 if address.scheme == "https" else 80)


if __name__ == "__main__":
    main()
