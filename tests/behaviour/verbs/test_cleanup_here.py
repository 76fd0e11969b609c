"""`cleanup` on this machine: what was kept for instances that are gone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from jupyter_awsgpu.errors import HostKeyUnknown
from jupyter_awsgpu.model import InstanceState
from jupyter_awsgpu.records import Records
from jupyter_awsgpu.verbs.cleanup import cleanup
from jupyter_awsgpu.verbs.key import export_key, import_key
from tests.behaviour.verbs.test_attempts import launch_without_arriving

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_awsgpu.verbs.workbench import Workbench
    from tests.behaviour.verbs.conftest import Desk

PASSPHRASE = "correct horse"


def second_laptop(desk: Desk, folder: Path) -> Workbench:
    """Return the rooms of another machine of the same owner."""
    return replace(desk.bench, records=Records(folder))


def test_a_key_from_another_laptop_goes_with_its_instance(desk: Desk, tmp_path: Path) -> None:
    """In use while the instance lives, stopped or not; then clutter, shown with its reason, removed with its pins."""
    box = launch_without_arriving(desk, desk.wish())
    bundle = export_key(desk.bench, box.name, tmp_path / "bundle", PASSPHRASE)
    here = second_laptop(desk, tmp_path / "second")
    import_key(here, bundle, PASSPHRASE)
    kept = here.records.keys.path(box.launch_id)
    assert kept.read_text() == desk.bench.records.keys.path(box.key_name or "").read_text()
    desk.bench.cloud().stop(box.instance_id)
    desk.bench.cloud().wait_for(box.instance_id, {InstanceState.STOPPED}, timeout_s=20)
    assert [one for one in cleanup(here) if one.kind == "local key"] == []

    desk.bench.cloud().terminate(box.instance_id)
    desk.bench.cloud().wait_for(box.instance_id, {InstanceState.TERMINATED}, timeout_s=20)
    (left,) = (one for one in cleanup(here) if one.kind == "local key")
    assert (left.id, left.detail, left.evidence) == (box.launch_id, str(kept), "its instance is gone")
    assert kept.exists()
    cleanup(here, yes=True)
    assert not kept.exists()
    assert here.records.pins.read(box.launch_id) == ()
    assert here.records.journal.regions() == ()
    assert [one for one in cleanup(here) if one.kind == "local key"] == []


def test_the_key_of_this_machines_own_launches_is_kept(desk: Desk) -> None:
    """The next launch uses it again; a key of somebody else's is not looked at."""
    box = launch_without_arriving(desk, desk.wish())
    own = desk.bench.records.keys.path(box.key_name or "")
    desk.bench.cloud().terminate(box.instance_id)
    desk.bench.cloud().wait_for(box.instance_id, {InstanceState.TERMINATED}, timeout_s=20)
    theirs = replace(desk.bench.records.journal.entries()[0], owner="210987654321/user/theirs", launch_id="l-theirs")
    desk.bench.records.journal.write(theirs)
    other = desk.bench.records.keys.path("l-theirs")
    other.write_bytes(own.read_bytes())
    cleanup(desk.bench, yes=True)
    assert own.exists()
    assert other.exists()


def test_a_key_without_pins_is_not_handed_on(desk: Desk, tmp_path: Path) -> None:
    """Whoever took it in could not tell the instance from another host."""
    box = launch_without_arriving(desk, desk.wish())
    desk.bench.records.pins.forget(box.launch_id)
    with pytest.raises(HostKeyUnknown):
        export_key(desk.bench, box.name, tmp_path / "bundle", PASSPHRASE)
