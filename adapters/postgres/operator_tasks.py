"""What a person must do: opened by whoever finds it, closed by whoever did it."""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from adapters.postgres.engine import Database
from models.order import Operator
from models.tables import OperatorTask
from models.tracking import NewTask, Task


class PostgresOperatorTasks:
    """The operators' list."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open(self, task: NewTask) -> bool:
        """Put a task on the list; False for one of the same kind and subject that was there before, closed or not."""
        new = insert(OperatorTask).values(**task.model_dump()).on_conflict_do_nothing(index_elements=["kind", "subject"])
        async with self._database.connect() as connection:
            return (await connection.execute(new.returning(OperatorTask.id))).first() is not None

    async def close(self, task_id: int, operator: Operator, *, at: datetime) -> bool:
        """Take a task off the list, with who did it and what they did; False if it is not on it."""
        done = (
            update(OperatorTask)
            .where(OperatorTask.id == task_id, OperatorTask.closed_at.is_(None))
            .values(closed_at=at, closed_by=operator.operator, closing_note=operator.reason)
        )
        async with self._database.connect() as connection:
            return (await connection.execute(done.returning(OperatorTask.id))).first() is not None

    async def open_tasks(self, *, limit: int = 100) -> list[Task]:
        """Return what is on the list, the longest waiting first."""
        columns = (OperatorTask.__table__.c[name] for name in Task.model_fields)
        waiting = select(*columns).where(OperatorTask.closed_at.is_(None)).order_by(OperatorTask.opened_at, OperatorTask.id)
        async with self._database.connect() as connection:
            rows = (await connection.execute(waiting.limit(limit))).mappings().all()
        return [Task.model_validate(dict(row)) for row in rows]
