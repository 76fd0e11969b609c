"""What lies in another region than one's own: once seen from a machine, never out of its sight again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from jupyter_awsgpu import settings as configuration
from jupyter_awsgpu.model import InstanceState
from jupyter_awsgpu.records import Records
from jupyter_awsgpu.verbs.cleanup import cleanup
from jupyter_awsgpu.verbs.cost import cost
from jupyter_awsgpu.verbs.key import export_key, import_key
from jupyter_awsgpu.verbs.selection import DATA_FACT, choose, find
from jupyter_awsgpu.verbs.status import status_with_data
from jupyter_awsgpu.verbs.terminate import terminate
from tests.behaviour.cloud.account import new_clouds
from tests.behaviour.verbs.test_attempts import launch_without_arriving
from tests.behaviour.verbs.test_data_volume import launched

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_awsgpu.verbs.workbench import Workbench
    from tests.behaviour.verbs.conftest import Desk

ELSEWHERE = "us-east-2"
CLOSED = "ap-east-1"
"""A region that the simulated account has not enabled."""


@pytest.fixture
def traveller(desk: Desk, tmp_path: Path) -> Desk:
    """Return the desk of a person whose profile names the region: no command was given one."""
    settings = configuration.load({"demo": True, "data_dir": str(tmp_path / "data")})
    return replace(desk, bench=replace(desk.bench, settings=settings))


def second_laptop(desk: Desk, folder: Path) -> Workbench:
    """Return the rooms of another machine of the same owner, which knows nothing yet."""
    return replace(desk.bench, records=Records(folder / "data"), clouds=new_clouds(desk.aws, folder / "cache"))


def test_another_laptop_goes_on_seeing_what_it_saw_once(traveller: Desk, tmp_path: Path) -> None:
    """The first look of the day asks every region; the ones after it ask where something was."""
    box = launch_without_arriving(traveller, traveller.wish(region=ELSEWHERE))
    here = second_laptop(traveller, tmp_path / "second")
    for _ in range(3):
        assert [one.instance_id for one in find(here)] == [box.instance_id]
    assert choose(here, box.name, "stop").instance_id == box.instance_id


def test_a_data_volume_elsewhere_is_shown_when_its_instance_has_gone(traveller: Desk, tmp_path: Path) -> None:
    """It goes on costing: `status` and `cost` name it, here and on a laptop that never saw the instance."""
    box, made = launched(traveller, traveller.wish(name="mine", region=ELSEWHERE, data_gb=50))
    assert made is not None
    terminate(traveller.bench, "mine", yes=True)
    traveller.bench.cloud(ELSEWHERE).wait_for(box.instance_id, {InstanceState.TERMINATED}, timeout_s=20)
    for bench in (traveller.bench, second_laptop(traveller, tmp_path / "second")):
        for _ in range(2):
            assert [one.volume_id for one in status_with_data(bench)[1]] == [made.volume_id]
        assert any(one.what.startswith("data volume, 50 GB") for one in cost(bench))


@pytest.mark.parametrize("fact", [5, "us-east-2", {"us-east-2": 1}, [["us-east-2"], None, "no-such-region"]])
def test_a_damaged_memory_of_regions_is_none(traveller: Desk, fact: object) -> None:
    """Whatever the files of this machine hold, the question goes to the regions that exist."""
    traveller.bench.clouds.cache.put(DATA_FACT, fact)
    box = launch_without_arriving(traveller, traveller.wish())
    sightings = traveller.bench.records.root.rglob(f"{box.instance_id}.jsonl")
    assert [one.instance_id for one in find(traveller.bench)] == [box.instance_id]
    for path in sightings:
        path.write_text(path.read_text().replace('"us-west-2"', '["us-west-2"]'))
    assert [one.instance_id for one in find(traveller.bench)] == [box.instance_id]


def test_where_aws_does_not_let_us_look_nothing_is_called_gone(traveller: Desk, tmp_path: Path) -> None:
    """A region that refuses these credentials may hold the instance still: its key and pins stay."""
    box = launch_without_arriving(traveller, traveller.wish())
    bundle = export_key(traveller.bench, box.name, tmp_path / "bundle", "correct horse")
    here = second_laptop(traveller, tmp_path / "second")
    import_key(here, bundle, "correct horse")
    (entry,) = here.records.journal.entries()
    here.records.journal.write(replace(entry, region=CLOSED))
    here.cloud().terminate(box.instance_id)
    here.cloud().wait_for(box.instance_id, {InstanceState.TERMINATED}, timeout_s=20)
    assert "local key" not in {one.kind for one in cleanup(here, yes=True)}
    assert here.records.keys.path(box.launch_id).is_file()
    assert here.records.pins.read(box.launch_id)
