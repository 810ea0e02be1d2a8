"""The Stripe emulator as one ASGI app: Stripe's API at `/v1`, its payment page at `/c/pay`, the controls at `/_emulator`.

It speaks the wire protocol of the API version in `settings.API_VERSION`, so the real SDK works against it:
`stripe.StripeClient(key, base_addresses={"api": url}, http_client=stripe.HTTPXClient())`.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from fastapi import FastAPI, Request
from starlette.responses import JSONResponse

from dev.emulators.control import Controls, control_routes
from dev.emulators.faults import FaultKind
from dev.emulators.stripe.account import EVENT_TYPES, Account
from dev.emulators.stripe.api import Api
from dev.emulators.stripe.checkout import Checkout
from dev.emulators.stripe.disputes import Disputes
from dev.emulators.stripe.endpoints import endpoints
from dev.emulators.stripe.errors import StripeApiError
from dev.emulators.stripe.expansion import Expansion
from dev.emulators.stripe.pages import page_routes
from dev.emulators.stripe.payments import Payments
from dev.emulators.stripe.refunds import REFUND_FAILED, REFUND_PENDING, Refunds
from dev.emulators.stripe.settings import StripeEmulatorSettings
from dev.emulators.stripe.steering import steering_routes
from dev.emulators.stripe.webhooks import Webhooks

_LOOK_EVERY_S = 1.0
"""How often the clock is looked at for Sessions and authorisations that run out."""


def create_app(settings: StripeEmulatorSettings) -> FastAPI:
    """Build the emulator; `app.state.controls` steers it from the same process."""
    webhook_operations = {"webhook", *(f"webhook.{kind}" for kind in EVENT_TYPES)}
    controls = Controls.open(settings.state_file, kinds=(*FaultKind, REFUND_PENDING, REFUND_FAILED))
    webhooks = Webhooks(controls, settings)
    account = Account(controls, settings, webhooks.deliver)
    disputes = Disputes(account)
    payments = Payments(account, disputes)
    checkout = Checkout(account, payments)
    refunds = Refunds(account)
    table = endpoints(account, checkout, payments, refunds)
    controls.faults.know_operations({endpoint.operation for endpoint in table} | webhook_operations)

    async def run_due() -> None:
        account.timers.run_due()

    async def forget() -> None:
        account.timers.clear()
        webhooks.clear()

    controls.on_clock_change.append(run_due)
    controls.on_reset.append(forget)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(webhooks.run()), asyncio.create_task(_watch_clock(account))]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            controls.close()

    app = FastAPI(title="Stripe emulator", lifespan=lifespan)
    app.state.controls = controls
    app.include_router(control_routes(controls))
    app.include_router(steering_routes(account, checkout, payments, refunds, disputes, webhooks))
    app.include_router(page_routes(account, checkout))
    app.router.routes.extend(Api(controls, settings, account, Expansion(account, checkout)).routes(table))

    @app.exception_handler(StripeApiError)
    async def refused(_: Request, error: StripeApiError) -> JSONResponse:
        """A control route asked for something that Stripe would refuse too."""
        return JSONResponse(error.body("req_emulator"), error.status)

    return app


async def _watch_clock(account: Account) -> None:
    while True:
        account.timers.run_due()
        await asyncio.sleep(_LOOK_EVERY_S)
