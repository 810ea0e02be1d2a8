"""The login token of the interface dialect: shared, replaced when refused, asked for once however many wait."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio

from adapters.manufacturer.client import connect
from adapters.manufacturer.session import TokenCache
from dev.emulators.manufacturer.app import ManufacturerEmulator, create_app
from dev.emulators.manufacturer.settings import ManufacturerEmulatorSettings
from dev.emulators.serving import serving
from models.errors import OutcomeUnknown, ProviderUnavailable
from tests.adapters.manufacturer.world import DEVICE, World, settings_for

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served() -> AsyncIterator[tuple[ManufacturerEmulator, str]]:
    app = create_app(ManufacturerEmulatorSettings(dialect="interface"))
    async with serving(app) as url:
        yield app.state.emulator, url


def logins(world: World) -> int:
    return len(world.ledger("logged_in"))


class TestAtTheManufacturer:
    async def test_many_first_calls_share_one_login(self, world: World) -> None:
        await asyncio.gather(*(world.client.brands() for _ in range(20)))
        assert logins(world) == 1

    async def test_a_token_that_expires_in_the_middle_of_a_submission_is_replaced_once(self, world: World) -> None:
        """The same order reference is sent again, and one order is made of it."""
        await world.pay()
        world.emulator.records.tokens.clear()
        assert (await world.submit()).queue_number == "001"
        assert logins(world) == 2
        assert len(world.ledger("order_accepted")) == 1

    async def test_many_calls_with_an_expired_token_share_one_new_login(self, world: World) -> None:
        await world.client.brands()
        world.emulator.records.tokens.clear()
        await asyncio.gather(*(world.client.print_queue(DEVICE) for _ in range(20)))
        assert logins(world) == 2

    async def test_a_new_token_that_is_refused_too_is_not_replaced_for_ever(self, world: World) -> None:
        world.fault("brand/list", "token_expired", times=2)
        with pytest.raises(ProviderUnavailable, match="new login token"):
            await world.client.brands()
        assert logins(world) == 2

    async def test_a_token_is_not_used_beyond_the_lifetime_that_the_settings_give_it(self, world: World) -> None:
        settings = settings_for(world.url, "interface", token_lifetime=timedelta(microseconds=1))
        async with connect(settings) as client:
            await client.brands()
            await client.brands()
        assert logins(world) == 2

    async def test_an_act_that_fails_at_the_login_was_never_sent(self, world: World) -> None:
        """The outcome of the order is known: nothing was done."""
        world.fault("user/login", "answer_lost")
        with pytest.raises(ProviderUnavailable):
            await world.submit()

    async def test_an_act_that_breaks_off_after_the_second_login_has_an_unknown_outcome(self, world: World) -> None:
        await world.pay()
        world.fault("order/orderData", "token_expired")
        world.fault("order/orderData", "answer_lost", after=1)
        with pytest.raises(OutcomeUnknown):
            await world.submit()


class TestCache:
    async def test_a_failed_login_is_tried_again_by_the_next_call(self) -> None:
        outages = iter([ProviderUnavailable("down", provider="manufacturer")])

        async def log_in() -> str:
            for outage in outages:
                raise outage
            return "second"

        cache = TokenCache(log_in, timedelta(hours=23))
        with pytest.raises(ProviderUnavailable):
            await cache.current()
        assert await cache.current() == "second"

    async def test_a_refusal_of_an_older_token_does_not_end_the_newer_one(self) -> None:
        issued = 0

        async def log_in() -> str:
            nonlocal issued
            issued += 1
            return f"token {issued}"

        cache = TokenCache(log_in, timedelta(hours=23))
        assert await cache.current() == "token 1"
        assert await cache.replacement(refused="token 1") == "token 2"
        assert await cache.replacement(refused="token 1") == "token 2"
        assert await cache.current() == "token 2"

    async def test_a_token_ends_at_its_lifetime(self) -> None:
        now, issued = 0.0, 0

        async def log_in() -> str:
            nonlocal issued
            issued += 1
            return f"token {issued}"

        cache = TokenCache(log_in, timedelta(seconds=10), clock=lambda: now)
        assert await cache.current() == "token 1"
        now = 9.9
        assert await cache.current() == "token 1"
        now = 10.0
        assert await cache.current() == "token 2"
