import pytest

from adapters.postgres.operator_tasks import PostgresOperatorTasks
from models.order import Operator
from models.tracking import NewTask, TaskKind
from tests.adapters.postgres.shop import NOW, Shop

GRACE = Operator(operator="grace", reason="paid back by bank transfer")


@pytest.fixture
def tasks(shop: Shop) -> PostgresOperatorTasks:
    return PostgresOperatorTasks(shop.database)


async def refund_due(shop: Shop) -> NewTask:
    placed = await shop.place()
    return NewTask(
        kind=TaskKind.REFUND_DUE,
        subject="PYEN260301000001",
        order_id=placed.order_id,
        amount=3500,
        note="the machine took the money and cannot print",
        opened_at=NOW,
    )


async def test_the_same_cause_is_one_task(shop: Shop, tasks: PostgresOperatorTasks):
    task = await refund_due(shop)

    assert await tasks.open(task) is True
    assert await tasks.open(task) is False
    (listed,) = await tasks.open_tasks()
    assert (listed.kind, listed.amount, listed.order_id, listed.closed_at) == (task.kind, 3500, task.order_id, None)


async def test_a_task_is_closed_once_with_who_did_it_and_how(shop: Shop, tasks: PostgresOperatorTasks):
    task = await refund_due(shop)
    await tasks.open(task)
    (listed,) = await tasks.open_tasks()

    assert await tasks.close(listed.id, GRACE, at=NOW) is True
    assert await tasks.close(listed.id, GRACE, at=NOW) is False

    row = await shop.row("SELECT closed_at, closed_by, closing_note FROM operator_tasks")
    assert tuple(row.values()) == (NOW, "grace", "paid back by bank transfer")
    assert await tasks.open_tasks() == []
    assert await tasks.open(task) is False
