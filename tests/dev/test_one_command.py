"""The promise of the README: one command runs everything and plays an order."""

import os
import subprocess
from pathlib import Path

import pytest

from dev.guard import ROOT
from dev.process import free_port, python
from dev.world import Ports


@pytest.mark.journey
@pytest.mark.timeout(300)
def test_one_command_plays_an_order_from_upload_to_delivery_and_a_second_run_goes_on_with_the_same_data(tmp_path: Path):
    """Twice with the same data folder: the second start finds what the first one left."""
    ports = [word for name in Ports.__dataclass_fields__ for word in (Ports.option(name), str(free_port()))]
    command = python("-m", "dev", "--once", "--data", str(tmp_path / "data"), *ports)
    for _ in range(2):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=dict(os.environ))
        assert done.returncode == 0, done.stdout + done.stderr
        assert "completed" in done.stdout
