"""The embedded PostgreSQL: what a killed server, a restart, a long path and root must not spoil."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest

import dev.postgres
from dev.postgres import Postgres
from dev.process import MissingBinary, Process, RunnerError
from dev.supervisor import Supervisor

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another account")


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A place that every account can reach, and a home for what root must keep elsewhere."""
    with tempfile.TemporaryDirectory(prefix="pimpmycase-") as name:
        place = Path(name)
        place.chmod(0o711)
        monkeypatch.setattr(dev.postgres, "ROOT_HOME", place / "root-home")
        yield place


async def query(url: str, statement: str) -> Any:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def start(supervisor: Supervisor, server: Postgres) -> Process:
    return await supervisor.start(server.service())


async def test_what_was_committed_survives_kill_9_and_the_server_starts_again(
    supervisor: Supervisor, folder: Path, tmp_path: Path
):
    server = Postgres(folder / "postgres")
    child = await start(supervisor, server)
    url = await server.ensure_database("orders")
    await query(url, "CREATE TABLE paid AS SELECT 3500 AS pence")
    psutil.Process(child.pid).kill()
    with pytest.raises(RunnerError, match="postgres was ended by SIGKILL"):
        await supervisor.forever()
    await supervisor.stop()

    again = Postgres(folder / "postgres")
    await start(supervisor, again)
    assert await query(await again.ensure_database("orders"), "SELECT pence FROM paid") == 3500


async def test_a_lock_file_that_names_a_stranger_does_not_keep_the_server_from_starting(supervisor: Supervisor, folder: Path):
    """After a restart of the machine another process may have the number in `postmaster.pid`."""
    server = Postgres(folder / "postgres")
    server.prepare()
    (folder / "postgres/data/postmaster.pid").write_text(f"{os.getpid()}\n{folder}\n")
    await start(supervisor, server)
    assert await query(server.url(), "SELECT 1") == 1


async def test_a_folder_in_use_is_refused_by_the_process_that_uses_it(supervisor: Supervisor, folder: Path):
    child = await start(supervisor, Postgres(folder / "postgres"))
    with pytest.raises(RunnerError, match=rf"A PostgreSQL \(process {child.pid}\) already uses "):
        Postgres(folder / "postgres").prepare()


async def test_an_interrupted_first_start_is_repeated(supervisor: Supervisor, folder: Path):
    server = Postgres(folder / "postgres")
    half = folder / "postgres/data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18")
    await start(supervisor, server)
    assert await query(server.url(), "SELECT 1") == 1


async def test_a_path_that_is_too_long_for_a_socket_works(supervisor: Supervisor, folder: Path):
    place = folder / ("deep" * 20) / ("down" * 20)
    place.mkdir(parents=True)
    server = Postgres(place / "postgres")
    await start(supervisor, server)
    assert await query(server.url(), "SELECT 1") == 1


async def test_a_copy_of_a_template_has_its_rows_and_is_independent(supervisor: Supervisor, folder: Path):
    server = Postgres(folder / "postgres", durable=False)
    await start(supervisor, server)
    template = await server.create_database("template")
    await query(template, "CREATE TABLE shells AS SELECT 'MS1' AS id")

    copy = await server.create_database("copy", template="template")
    await query(copy, "DELETE FROM shells")
    assert await query(template, "SELECT count(*) FROM shells") == 1
    await server.drop_database("copy")
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await query(copy, "SELECT 1")


async def test_text_sorts_and_folds_as_in_unicode(supervisor: Supervisor, folder: Path):
    server = Postgres(folder / "postgres")
    await start(supervisor, server)
    assert await query(server.url(), "SELECT upper('zoë')") == "ZOË"


async def test_a_name_that_is_not_one_never_reaches_the_server(folder: Path):
    with pytest.raises(ValueError, match="is not a database name"):
        await Postgres(folder / "postgres").create_database('x"; DROP DATABASE orders; --')


def test_a_missing_wheel_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(dev.postgres, "_WHEEL", folder / "nowhere")
    with pytest.raises(MissingBinary, match=r"^PostgreSQL is missing \(.*; `make clean` and then `make run` install it again\.$"):
        Postgres(folder / "postgres").service()


@as_root
async def test_a_checkout_in_a_closed_home_works_and_stays_closed(
    supervisor: Supervisor, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    """Neither the data nor the binaries can be reached by the account that PostgreSQL runs as; nothing is opened for it."""
    home = folder / "home"
    home.mkdir(mode=0o700)
    for wheel in (dev.postgres._WHEEL, dev.postgres._LIBRARIES):
        (home / wheel.name).symlink_to(wheel)
    monkeypatch.setattr(dev.postgres, "_WHEEL", home / dev.postgres._WHEEL.name)
    monkeypatch.setattr(dev.postgres, "_LIBRARIES", home / dev.postgres._LIBRARIES.name)

    server = Postgres(home / "data/postgres")
    await start(supervisor, server)
    assert await query(server.url(), "SELECT 1") == 1
    assert home.stat().st_mode & 0o777 == 0o700
    assert (home / "data/postgres").readlink().parent == folder / "root-home"


@as_root
def test_data_that_are_gone_are_missed_and_not_replaced_by_empty_ones(folder: Path):
    (folder / "postgres").symlink_to(folder / "gone")
    with pytest.raises(RunnerError, match=f"points to {folder}/gone, which is gone; remove {folder} to begin anew"):
        Postgres(folder / "postgres")
