import signal
import subprocess
import sys
from pathlib import Path

from tests.memory import temporary_folder

ROOT = Path(__file__).parents[1]
HOLDER = """
import sys, time
from pathlib import Path
from tests.memory import temporary_folder
with temporary_folder(Path(sys.argv[1]), enough=0) as folder:
    print(folder, flush=True)
    sys.stdin.read()
"""


def test_a_folder_is_in_memory_while_it_is_used_and_then_gone(tmp_path: Path):
    with temporary_folder(tmp_path, enough=0) as folder:
        assert folder.parent == tmp_path
        assert folder.is_dir()
    assert list(tmp_path.iterdir()) == []


def test_with_little_memory_or_none_the_disk_serves(tmp_path: Path):
    for memory, enough in ((tmp_path, 1 << 60), (tmp_path / "none", 0)):
        with temporary_folder(memory, enough=enough) as folder:
            assert folder.is_dir()
            assert tmp_path not in folder.parents


def test_what_a_killed_session_left_is_cleared_away_and_what_a_living_one_uses_is_kept(tmp_path: Path):
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout is not None
        left = Path(killed.stdout.readline().strip())
        with temporary_folder(tmp_path, enough=0) as ours:
            assert left.is_dir(), "its session lives"
            killed.send_signal(signal.SIGKILL)
            killed.wait()
            with temporary_folder(tmp_path, enough=0):
                assert not left.exists()
                assert ours.is_dir()
