"""A round of the poller asks about much in few calls, and what goes wrong with one of them is not the others' trouble."""

import asyncio
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from unittest import mock

import pytest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import ActivityEnvironment

from activities.poller import CADENCE, SLOWEST, STAGES, PollerActivities, cadence, next_look
from models.errors import NeedsPerson, ProviderError, ProviderUnavailable
from models.order import order_workflow_id
from models.production import (
    DueReference,
    ManufacturerOrderStatus,
    ManufacturerPaymentStatus,
    PaymentReference,
    PollDue,
    PollerDuty,
    PollOutcome,
    PrintReference,
    ProductionReport,
    ReferenceKind,
)
from tests.fakes.manufacturer import FakeManufacturer, FakeReferenceBook

NOW = datetime(2026, 3, 1, 12, 0, 0, 40_000, tzinfo=UTC)
DOWN = ProviderUnavailable("no answer", provider="manufacturer")


class BusyManufacturer(FakeManufacturer):
    """Counts calls and what is in them, and chokes on some references."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[ReferenceKind, int]] = []
        self.at_once = self.most_at_once = 0
        self.chokes: dict[str, ProviderError] = {}
        self.sick: dict[ReferenceKind, ProviderError] = {}
        self.forgotten: set[str] = set()

    async def payment_statuses(self, references: Sequence[PaymentReference]) -> dict[PaymentReference, ManufacturerPaymentStatus]:
        await self._take(ReferenceKind.PAYMENT, references)
        return dict.fromkeys(references, ManufacturerPaymentStatus.WAITING)

    async def order_statuses(self, references: Sequence[PrintReference]) -> dict[PrintReference, ManufacturerOrderStatus]:
        await self._take(ReferenceKind.PRINT, references)
        known = [reference for reference in references if reference not in self.forgotten]
        return {reference: self.states.get(reference, ManufacturerOrderStatus.WAITING_TO_PRINT) for reference in known}

    async def _take(self, kind: ReferenceKind, references: Sequence[str]) -> None:
        self.calls.append((kind, len(references)))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        failures = [self.sick.get(kind), *(self.chokes.get(reference) for reference in references)]
        for failure in failures:
            if failure is not None:
                raise failure


class Stopwatch:
    """Goes on by so many seconds whenever somebody looks at it."""

    def __init__(self, step: float = 0) -> None:
        self._step = step
        self._shown = 0.0

    def __call__(self) -> float:
        self._shown += self._step
        return self._shown


class Switchboard:
    """Temporal, as far as the poller knows it: who was told, and who cannot be."""

    def __init__(self, dead: dict[str, RPCStatusCode] | None = None) -> None:
        self.dead = dead or {}
        self.told: list[str] = []
        self.client = mock.Mock(spec=Client)
        self.client.get_workflow_handle.side_effect = self._handle

    def _handle(self, workflow_id: str) -> mock.Mock:
        async def signal(name: str, report: ProductionReport) -> None:
            assert (name, report.stage) == ("production_reported", STAGES[report.status])
            if workflow_id in self.dead:
                raise RPCError("no", self.dead[workflow_id], b"")
            self.told.append(workflow_id)

        return mock.Mock(signal=signal)


class Round:
    """A poller over fakes, and its clock."""

    def __init__(self, *, batch_size: int = 100, step: float = 0) -> None:
        self.manufacturer = BusyManufacturer()
        self.references = FakeReferenceBook()
        self.at = NOW
        self.poller = PollerActivities(self.manufacturer, self.references, batch_size=batch_size, stopwatch=Stopwatch(step))

    def open(self, prints: int = 0, payments: int = 0, *, age: timedelta = timedelta(minutes=20)) -> list[str]:
        """So many references that are due, of this age; their names."""
        names = []
        for kind, count in ((ReferenceKind.PRINT, prints), (ReferenceKind.PAYMENT, payments)):
            for _ in range(count):
                names.append(f"{kind.value}260301{len(self.references.waiting):06}")
                entry = DueReference(reference=names[-1], kind=kind, order_id=uuid.uuid4(), created_at=NOW - age)
                self.references.waiting.append(entry)
        return names

    async def poll(self, *, limit: int = 400, client: Client | None = None) -> PollOutcome:
        return await ActivityEnvironment(client=client).run(self.poller.poll_due, PollDue(at=self.at, limit=limit))

    async def poll_for(self, duration: timedelta) -> int:
        """Poll whenever something is due, as the workflow does; return how many calls that took."""
        before, until = len(self.manufacturer.calls), self.at + duration
        while self.at < until:
            outcome = await self.poll()
            assert outcome.sleep is not None
            self.at += max(outcome.sleep, timedelta(milliseconds=500))
        return len(self.manufacturer.calls) - before

    @property
    def read(self) -> set[str]:
        """What was heard of."""
        return {reading.reference for reading in self.references.stored if reading.status is not None}


class TestCost:
    @pytest.mark.parametrize("count", [100, 1_000, 10_000])
    async def test_is_one_call_for_a_hundred_references_and_cadence(self, count: int) -> None:
        """However much the moments differ at which they became due; payments and prints mixed cost no more than twice that."""
        round_ = Round()
        names = round_.open(prints=count // 2, payments=count // 2)
        for number, name in enumerate(names):
            round_.references.wait_until(name, NOW + timedelta(minutes=1) * number / count)
        await round_.poll_for(timedelta(minutes=2))

        calls = await round_.poll_for(timedelta(minutes=10))

        assert calls <= 10 * 2 * (count / 100)
        assert max(size for _, size in round_.manufacturer.calls) <= 100
        asked = sum(size for _, size in round_.manufacturer.calls[-calls:])
        assert asked >= 10 * count

    async def test_keeps_up_with_ten_thousand_references_in_one_round(self) -> None:
        round_ = Round()
        names = round_.open(prints=9_000, payments=1_000)

        outcome = await round_.poll()

        assert round_.read == set(names)
        assert (outcome.asked, outcome.failures) == (10_000, {})
        assert outcome.sleep is not None
        assert timedelta(0) < outcome.sleep <= timedelta(minutes=1)

    async def test_is_bounded_at_any_moment(self) -> None:
        round_ = Round(batch_size=1)
        round_.open(prints=100)
        await round_.poll()
        assert [size for _, size in round_.manufacturer.calls] == [1] * 100
        assert round_.manufacturer.most_at_once == 4


class TestTime:
    async def test_that_is_up_ends_a_round_and_the_next_one_goes_on_at_once(self) -> None:
        round_ = Round(batch_size=1, step=10)
        names = round_.open(prints=20)

        outcome = await round_.poll()
        assert 0 < outcome.asked < 20
        assert (outcome.sleep, outcome.failures) == (timedelta(0), {})
        for _ in range(20):
            await round_.poll()
        assert round_.read == set(names)

    async def test_of_a_worker_that_stops_is_not_spent_on_another_portion(self) -> None:
        round_ = Round()
        round_.open(prints=300)
        environment = ActivityEnvironment()
        environment.worker_shutdown()
        outcome = await environment.run(round_.poller.poll_due, PollDue(at=NOW, limit=100))
        assert (outcome.asked, outcome.sleep) == (0, timedelta(0))
        assert len(round_.references.waiting) == 300

    @pytest.mark.parametrize(("age", "every"), [(limit - timedelta(seconds=1), every) for limit, every in CADENCE])
    def test_between_two_looks_follows_from_the_age(self, age: timedelta, every: timedelta) -> None:
        assert cadence(age) == every
        assert NOW < next_look(NOW, age) <= NOW + every

    def test_between_two_looks_is_longest_for_the_oldest(self) -> None:
        assert cadence(timedelta(days=2)) == SLOWEST


class TestTrouble:
    async def test_of_one_kind_does_not_keep_the_other_from_being_heard(self) -> None:
        round_ = Round()
        round_.open(prints=150, payments=150)
        round_.manufacturer.sick[ReferenceKind.PAYMENT] = DOWN

        outcome = await round_.poll()

        assert len(round_.read) == 150
        assert all(name.startswith("OREN") for name in round_.read)
        assert outcome.done == (PollerDuty.PRINTS,)
        assert set(outcome.failures) == {PollerDuty.PAYMENTS}
        assert "ProviderUnavailable: no answer" in outcome.failures[PollerDuty.PAYMENTS]

    async def test_of_one_call_puts_off_what_it_was_about_and_nothing_else(self) -> None:
        round_ = Round(batch_size=10)
        names = round_.open(prints=100, age=timedelta(minutes=1))
        round_.manufacturer.chokes[names[55]] = DOWN

        outcome = await round_.poll()

        assert round_.read == set(names) - set(names[50:60])
        put_off = [reading for reading in round_.references.stored if not reading.is_answered]
        assert {reading.reference for reading in put_off} == set(names[50:60])
        assert all(reading.next_at is not None and reading.next_at >= NOW + timedelta(minutes=1) for reading in put_off)
        assert outcome.asked == 90

    @pytest.mark.parametrize("poisoned", [0, 41, 99])
    async def test_with_one_reference_is_narrowed_down_to_it(self, poisoned: int) -> None:
        round_ = Round()
        names = round_.open(prints=100)
        round_.manufacturer.chokes[names[poisoned]] = NeedsPerson("¿?", provider="manufacturer")

        outcome = await round_.poll()

        assert round_.read == set(names) - {names[poisoned]}
        assert outcome.failures == {PollerDuty.PRINTS: f"{names[poisoned]}: NeedsPerson: ¿?"}
        assert len(round_.manufacturer.calls) <= 15

    async def test_with_everything_is_not_narrowed_down(self) -> None:
        round_ = Round()
        round_.open(prints=100)
        round_.manufacturer.sick[ReferenceKind.PRINT] = NeedsPerson("no permission", provider="manufacturer")
        await round_.poll()
        assert [size for _, size in round_.manufacturer.calls] == [100, 50, 50]

    async def test_that_lasts_is_not_waited_out_call_by_call(self) -> None:
        """A call that nobody answers takes half a minute."""
        round_ = Round()
        round_.open(prints=10_000)
        round_.manufacturer.sick[ReferenceKind.PRINT] = DOWN

        outcome = await round_.poll()

        assert len(round_.manufacturer.calls) <= 8
        assert (outcome.asked, outcome.done, outcome.sleep) == (0, (), timedelta(0))

    async def test_is_not_asked_about_again_before_the_manufacturer_wants_it(self) -> None:
        round_ = Round()
        round_.open(prints=1)
        round_.manufacturer.sick[ReferenceKind.PRINT] = ProviderUnavailable(
            "too many", provider="manufacturer", retry_after=timedelta(minutes=7)
        )
        assert (await round_.poll()).sleep == timedelta(minutes=7)


class TestAnswers:
    async def test_without_a_reference_leave_it_as_it_was_and_are_counted(self) -> None:
        round_ = Round()
        (name,) = round_.open(prints=1)
        round_.manufacturer.forgotten.add(name)
        outcome = await round_.poll()

        (reading,) = round_.references.stored
        assert (reading.reference, reading.status, reading.is_answered) == (name, None, True)
        assert (outcome.asked, outcome.unknown, outcome.reported) == (1, 1, 0)
        assert reading.next_at == next_look(NOW, timedelta(minutes=20))

    async def test_that_nothing_follows_after_are_the_last(self) -> None:
        round_ = Round()
        name = PrintReference(round_.open(prints=1)[0])
        round_.references.waiting[0] = round_.references.waiting[0].model_copy(update={"last_status": 16})
        round_.manufacturer.states[name] = ManufacturerOrderStatus.DELIVERED
        assert (await round_.poll()).sleep is None
        assert round_.references.waiting == []

    @pytest.mark.parametrize(
        ("kind", "age"), [(ReferenceKind.PAYMENT, timedelta(days=1)), (ReferenceKind.PRINT, timedelta(days=30))]
    )
    async def test_are_not_asked_for_without_end(self, kind: ReferenceKind, age: timedelta) -> None:
        counts = {"prints": int(kind is ReferenceKind.PRINT), "payments": int(kind is ReferenceKind.PAYMENT)}
        for moment, left in ((age - timedelta(minutes=1), 1), (age + timedelta(minutes=1), 0)):
            round_ = Round()
            round_.open(**counts, age=moment)
            await round_.poll()
            assert len(round_.references.waiting) == left


class TestNews:
    async def test_that_an_order_could_not_be_told_is_still_news_next_time(self) -> None:
        """And everybody else is told, and written down."""
        round_ = Round()
        names = [PrintReference(name) for name in round_.open(prints=3)]
        round_.manufacturer.states = dict.fromkeys(names, ManufacturerOrderStatus.PRINTED)
        orders = [order_workflow_id(entry.order_id) for entry in round_.references.waiting]
        switchboard = Switchboard(dead={orders[1]: RPCStatusCode.UNAVAILABLE})

        outcome = await round_.poll(client=switchboard.client)

        assert switchboard.told == [orders[0], orders[2]]
        assert (outcome.reported, set(outcome.failures)) == (2, {PollerDuty.NEWS})
        assert round_.read == {names[0], names[2]}
        round_.at += timedelta(minutes=1)
        switchboard.dead.clear()
        assert (await round_.poll(client=switchboard.client)).reported == 1
        assert switchboard.told[2:] == [orders[1]]

    async def test_of_an_order_that_has_ended_are_written_down_only(self) -> None:
        round_ = Round()
        (name,) = round_.open(prints=1)
        round_.manufacturer.states[PrintReference(name)] = ManufacturerOrderStatus.DELIVERED
        order = order_workflow_id(round_.references.waiting[0].order_id)
        outcome = await round_.poll(client=Switchboard(dead={order: RPCStatusCode.NOT_FOUND}).client)
        assert (outcome.failures, outcome.sleep) == ({}, None)
        assert round_.read == {name}

    async def test_are_told_before_they_are_written_down(self) -> None:
        """A worker that dies in between tells them again; the other way round the order would never hear of it."""
        round_ = Round()
        (name,) = round_.open(prints=1)
        round_.manufacturer.states[PrintReference(name)] = ManufacturerOrderStatus.PRINTED
        round_.references.faults.fail("store", ProviderUnavailable("away", provider="postgres"))
        switchboard = Switchboard()
        with pytest.raises(ProviderUnavailable):
            await round_.poll(client=switchboard.client)
        assert len(switchboard.told) == 1
        await round_.poll(client=switchboard.client)
        assert len(switchboard.told) == 2
