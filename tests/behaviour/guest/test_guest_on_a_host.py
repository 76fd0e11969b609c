"""The guest on its main road: an image that has everything but the service, on the own supervisor."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_awsgpu.errors import ProvisioningFailed
from jupyter_awsgpu.remote import guest, jupyter

if TYPE_CHECKING:
    from jupyter_awsgpu.model import GuestStep


def test_user_data_and_one_visit_end_in_a_jupyter_that_answers_with_its_token_only(booted: Any) -> None:
    """From user-data to a server on the loopback that knows its token, with each step told."""
    told: list[GuestStep] = []
    report = guest.follow_progress(booted, told.append)
    server = jupyter.find_server(booted)
    assert report.phase == "ready"
    assert {"watch", "python", "jupyter"} <= {step.key for step in told if step.phase in ("done", "skipped")}
    assert jupyter.answers(f"http://127.0.0.1:{server.port}", server.token)
    assert not jupyter.answers(f"http://127.0.0.1:{server.port}", "wrong")
    assert booted.path("/var/lib/awsgpu/jupyter/token").stat().st_mode & 0o777 == 0o600


def test_running_again_changes_nothing_that_is_right(booted: Any) -> None:
    """The second provisioning skips every step, and Jupyter keeps its process."""
    guest.follow_progress(booted, lambda step: None)
    before = jupyter.find_server(booted)
    guest.provision(booted)
    again = guest.follow_progress(booted, lambda step: None)
    assert {step.phase for step in again.steps} == {"skipped"}
    assert jupyter.find_server(booted) == before


def test_the_token_outlives_a_power_cut(booted: Any) -> None:
    """After stop and start the same token opens Jupyter."""
    guest.follow_progress(booted, lambda step: None)
    before = jupyter.find_server(booted)
    booted.end()
    booted.run(["awsgpu-guest", "boot", "--early"])
    guest.follow_progress(booted, lambda step: None)
    after = jupyter.find_server(booted)
    assert after.token == before.token
    assert after.pid != before.pid


def test_a_run_that_nobody_works_on_is_not_waited_for(booted: Any) -> None:
    """A run that left no end behind and is not running: whoever follows is told within seconds, not never."""
    guest.follow_progress(booted, lambda step: None)
    progress = booted.path("/var/lib/awsgpu/progress.jsonl")
    lines = progress.read_text().splitlines(keepends=True)
    progress.write_text("".join(line for line in lines if '"ended"' not in line))
    os.utime(progress, (time.time() - 90, time.time() - 90))
    boot = booted.path("/run/awsgpu/boot.json")
    boot.write_text(json.dumps(json.loads(boot.read_text()) | {"at": time.monotonic() - 90}))
    with pytest.raises(ProvisioningFailed, match="goes on from there"):
        guest.follow_progress(booted, lambda step: None)
