"""What an emulator remembers: documents that survive a restart, its own time, and the facts that tests compare with."""

import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

Document = dict[str, Any]
"""One JSON object."""


class Collection:
    """The documents of one kind, by key, in the order in which they were first put.

    `get` and `values` hand out the stored documents themselves: whoever changes one must `put` it again.
    """

    def __init__(self, name: str, connection: sqlite3.Connection | None) -> None:
        self._name = name
        self._connection = connection
        self._documents: dict[str, Document] = {}
        if connection is not None:
            rows = connection.execute("SELECT key, document FROM documents WHERE collection = ? ORDER BY position", (name,))
            self._documents = {key: json.loads(document) for key, document in rows}

    def get(self, key: str) -> Document | None:
        return self._documents.get(key)

    def put(self, key: str, document: Document) -> None:
        """Keep `document` under `key`, on disk too; it must be JSON."""
        text = json.dumps(document)
        self._documents[key] = document
        if self._connection is not None:
            self._connection.execute(
                "INSERT INTO documents (collection, key, document) VALUES (?, ?, ?)"
                " ON CONFLICT (collection, key) DO UPDATE SET document = excluded.document",
                (self._name, key, text),
            )

    def delete(self, key: str) -> None:
        """Forget `key`; an unknown one is not an error."""
        self._documents.pop(key, None)
        if self._connection is not None:
            self._connection.execute("DELETE FROM documents WHERE collection = ? AND key = ?", (self._name, key))

    def clear(self) -> None:
        self._documents.clear()
        if self._connection is not None:
            self._connection.execute("DELETE FROM documents WHERE collection = ?", (self._name,))

    def values(self) -> list[Document]:
        return list(self._documents.values())

    def items(self) -> list[tuple[str, Document]]:
        return list(self._documents.items())

    def __contains__(self, key: object) -> bool:
        return key in self._documents

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._documents))

    def __len__(self) -> int:
        return len(self._documents)


class Store:
    """Named collections; with a `path` every put is in that SQLite file before the caller continues."""

    def __init__(self, path: Path | None = None) -> None:
        self._collections: dict[str, Collection] = {}
        self._connection: sqlite3.Connection | None = None
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            # The app is built in one thread and served in another; only one of them uses it at a time.
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = OFF")
            self._connection.execute(
                "CREATE TABLE IF NOT EXISTS documents (position INTEGER PRIMARY KEY AUTOINCREMENT, collection TEXT NOT NULL,"
                " key TEXT NOT NULL, document TEXT NOT NULL, UNIQUE (collection, key))"
            )

    def collection(self, name: str) -> Collection:
        """The collection called `name`, read from disk the first time; always the same object."""
        if name not in self._collections:
            self._collections[name] = Collection(name, self._connection)
        return self._collections[name]

    def clear(self) -> None:
        for collection in self._collections.values():
            collection.clear()
        if self._connection is not None:
            self._connection.execute("DELETE FROM documents")

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()


class Clock:
    """The emulator's own UTC time; kept in the store, because a restart must not travel back in time."""

    _KEY = "clock"

    def __init__(self, store: Store | None = None) -> None:
        self._memory = (store or Store()).collection("clock")
        kept = self._memory.get(self._KEY) or {"offset_s": 0.0, "frozen_at": None}
        self._offset = timedelta(seconds=kept["offset_s"])
        self._frozen_at = datetime.fromisoformat(kept["frozen_at"]) if kept["frozen_at"] else None

    @property
    def frozen(self) -> bool:
        return self._frozen_at is not None

    def now(self) -> datetime:
        return self._frozen_at or datetime.now(UTC) + self._offset

    def set(self, at: datetime) -> None:
        """Make it `at` (aware); the clock goes on from there, or stays there if it is frozen."""
        if at.tzinfo is None:
            raise ValueError("an emulator's clock takes timezone-aware times")
        self._offset = at - datetime.now(UTC)
        if self.frozen:
            self._frozen_at = at.astimezone(UTC)
        self._keep()

    def advance(self, delta: timedelta) -> None:
        self.set(self.now() + delta)

    def freeze(self) -> None:
        self._frozen_at = self.now()
        self._keep()

    def resume(self) -> None:
        """Let a frozen clock run on from where it stands."""
        if self._frozen_at is not None:
            self._offset = self._frozen_at - datetime.now(UTC)
            self._frozen_at = None
            self._keep()

    def reset(self) -> None:
        """Back to real time."""
        self._offset, self._frozen_at = timedelta(0), None
        self._keep()

    def _keep(self) -> None:
        frozen_at = self._frozen_at.isoformat() if self._frozen_at else None
        self._memory.put(self._KEY, {"offset_s": self._offset.total_seconds(), "frozen_at": frozen_at})


class Ledger:
    """Append-only facts, each `{"operation", "at", …}`; `at` is the emulator's time in ISO 8601."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._entries = store.collection("ledger")
        self._clock = clock

    def append(self, operation: str, **fields: Any) -> None:
        entry = {"operation": operation, "at": self._clock.now().isoformat(), **fields}
        self._entries.put(f"{len(self._entries) + 1:09d}", entry)

    def entries(self, operation: str | None = None, **fields: Any) -> list[Document]:
        """The facts of `operation` (None: of all) whose fields have these values, oldest first."""
        return [
            entry
            for entry in self._entries.values()
            if operation in (None, entry["operation"]) and all(entry.get(name) == value for name, value in fields.items())
        ]
