"""AWS takes a spot instance back: said on the instance and here before, and the tunnel ends with the reason."""

from __future__ import annotations

import json
import time

import pytest

from jupyter_awsgpu.demo import client

WITHIN_S = 120


def until(look):
    """Return what a look finds, once it finds something."""
    deadline = time.monotonic() + WITHIN_S
    while not (found := look()):
        if time.monotonic() > deadline:
            pytest.fail("it did not come about")
        time.sleep(0.2)
    return found


def test_the_notice_is_read_shown_and_the_tunnel_ends_cleanly(awsgpu, demo, home):
    """The two minutes' notice stands in `status` and before the kernels; afterwards nobody dials what is gone."""
    box = awsgpu("launch", "g4dn.xlarge", "--spot", "--name", "taken", "--yes", "--no-open").document
    client.ask(demo, "interrupt", {"instance_id": box["instance_id"], "notice_s": 3600})
    assert awsgpu("ssh", "taken", "--", "sudo", "awsgpu-guest", "tick").status == 0
    told = awsgpu("ssh", "taken", "--", "cat", "/run/awsgpu/kernels/notice").out
    assert told.startswith("AWS takes this spot instance back (terminate) at ")
    assert until(lambda: _notice(awsgpu, box)) == told

    client.ask(demo, "interrupt", {"instance_id": box["instance_id"], "notice_s": 0})
    record = home / "data" / "demo" / "tunnels" / f"{box['instance_id']}.json"
    ended = until(lambda: (tunnel := json.loads(record.read_text()))["phase"] == "gave-up" and tunnel)
    assert "taken has ended" in ended["reason"]
    assert "Spot" in ended["reason"]
    assert [one["instance_id"] for one in awsgpu("status").document] == []


def _notice(awsgpu, box):
    (shown,) = [one for one in awsgpu("status").document if one["instance_id"] == box["instance_id"]]
    return (shown.get("guest") or {}).get("notice")
