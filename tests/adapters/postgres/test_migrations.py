import re
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from adapters.postgres.engine import Database
from adapters.postgres.migrate import downgrade, main, upgrade
from models.tables import Base
from tests.adapters.postgres.shop import together

CONSTRAINTS = """
SELECT conrelid::regclass::text AS at, conname AS name, pg_get_constraintdef(oid) AS definition
FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text <> 'alembic_version'
ORDER BY 1, 2
"""
OTHERS = """
SELECT tablename AS at, indexname AS name, indexdef AS definition FROM pg_indexes
WHERE schemaname = 'public' AND tablename <> 'alembic_version'
UNION ALL
SELECT table_name, column_name, concat_ws(' ', data_type, character_maximum_length, numeric_scale, is_nullable, column_default,
                                          identity_generation, generation_expression)
FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'alembic_version'
UNION ALL
SELECT 'sequence', sequencename, data_type::text FROM pg_sequences
WHERE schemaname = 'public'
ORDER BY 1, 2
"""


async def schema_of(url: str) -> list[tuple[str, str, str]]:
    """Everything that PostgreSQL knows of tables, columns, constraints, indexes and sequences."""
    engine = create_async_engine(url)
    async with engine.connect() as connection:
        found = [tuple(row) for statement in (CONSTRAINTS, OTHERS) for row in await connection.execute(text(statement))]
    await engine.dispose()
    return found


async def test_migrations_build_exactly_what_the_tables_say(database_url: str, empty_database_url: str):
    """CHECKs, defaults and sequences included, which Alembic's own comparison passes over."""
    engine = create_async_engine(empty_database_url)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    await engine.dispose()

    assert await schema_of(database_url) == await schema_of(empty_database_url)


async def test_a_new_migration_would_be_empty(database: Database):
    """What `alembic check` asks."""

    def differences(connection: Connection) -> object:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return compare_metadata(context, Base.metadata)

    async with database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_every_migration_can_be_taken_back(empty_database_url: str):
    """Down to an empty database and up again to the same schema."""
    await upgrade(empty_database_url)
    built = await schema_of(empty_database_url)
    await downgrade(empty_database_url, "base")
    emptied = await schema_of(empty_database_url)
    await upgrade(empty_database_url)

    assert emptied == []
    assert await schema_of(empty_database_url) == built


async def test_processes_that_start_together_migrate_once(empty_database_url: str):
    """One migrates, the others wait for it and find nothing left to do."""
    outcomes = await together(*(upgrade(empty_database_url) for _ in range(4)))

    assert outcomes == [None] * 4


async def test_every_constraint_is_named_after_its_table():
    """A migration can name each of them, on every machine."""
    names = [constraint.name for table in Base.metadata.tables.values() for constraint in table.constraints]

    assert all(re.match(r"(pk|uq|ck|fk)_", str(name)) for name in names)


async def test_every_migration_gives_up_rather_than_block_the_shop():
    """A statement that waits for a lock makes all later ones wait behind it."""
    for migration in Path("adapters/postgres/migrations/versions").glob("*.py"):
        assert migration.read_text().count("SET LOCAL lock_timeout") == 2, migration


def test_a_missing_address_is_said_in_a_sentence(monkeypatch, capsys):
    monkeypatch.delenv("DATABASE_URL", raising=False)

    assert main([]) == 2
    assert "DATABASE_URL is not set" in capsys.readouterr().err
