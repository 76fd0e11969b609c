"""Several machines under one name: one card, whose buttons say that they take the whole."""

from __future__ import annotations

from dataclasses import replace

from jupyter_awsgpu.model import InstanceState
from jupyter_awsgpu.surfaces.panel import clusters, figures
from jupyter_awsgpu.surfaces.panel.instances import Instances
from jupyter_awsgpu.surfaces.panel.snapshot import GpuUse, Snapshot
from tests.unit.panel.conftest import GPU, NOW


def node(number, **differing):
    """A machine of a cluster of three."""
    about = {"node": number, "nodes": 3, "engine": "dask", "cluster_id": "l-1", "instance_id": f"i-{number}"}
    return replace(GPU, name="many", **about | differing)


def snapshot(*instances, **more):
    return Snapshot(at=NOW.timestamp(), demo=True, instances=instances, asked=NOW.timestamp(), **more)


def cards(*instances, tr):
    shown = Instances(lambda _: None, lambda _: "", tr)
    shown.show(snapshot(*instances))
    return shown.children


def test_a_cluster_is_one_card_with_a_row_a_machine(tr):
    """Nobody presses a button beside one machine that would take them all."""
    whole, alone = cards(node(0), node(1), GPU, node(2), tr=tr)
    text = whole.children[0].value
    assert [name in text for name in ("many ", "many/1", "many/2")] == [True, True, True]
    assert "3 machines as one Dask cluster" in text
    assert "$2.70/h · $1.35 so far" in text
    assert "awsgpu-nodes" not in alone.children[0].value


def test_ending_it_says_that_all_machines_go(tr):
    """The question counts the workers; a machine by itself has none."""
    whole, alone = cards(node(0), node(1), GPU, node(2), tr=tr)
    (question,) = [one.confirm for one in whole.actions if one.verb == "terminate"]
    assert "With it go its workers (2) and their disks." in question
    (question,) = [one.confirm for one in alone.actions if one.verb == "terminate"]
    assert "workers" not in question


def test_a_machine_that_is_gone_is_named_with_what_brings_it_back(tr):
    """Also where it was the first: the next one's card is the whole's."""
    (card,) = cards(node(1), node(2, state=InstanceState.STOPPED), tr=tr)
    text = card.children[0].value
    assert "many of many: gone; awsgpu launch p2.xlarge --name many --nodes 3 --engine dask" in text
    assert "many/2 of many: not running" in text


def test_a_row_shows_its_gpu_and_cannot_be_markup(tr):
    """Names come from AWS."""
    whole = (node(0), node(1, zone="<b>"))
    drawn = clusters.draw(whole, snapshot(*whole, gpu={"i-1": (GpuUse(40.0),)}), tr)
    assert "&lt;b&gt; · GPU 40 %" in drawn


def test_a_cluster_at_rest_costs_what_all_would(tr):
    """The price is of the whole, running or not."""
    whole = tuple(node(number, state=InstanceState.STOPPED) for number in range(3))
    assert figures.price_line(whole[0], NOW.timestamp(), tr, whole).startswith("$2.70/h while it runs")
