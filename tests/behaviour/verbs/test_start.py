"""`start` where AWS says no: the instance and its data wait, and there is a way on."""

from __future__ import annotations

import pytest

from jupyter_awsgpu.errors import NoCapacityToStart
from jupyter_awsgpu.model import InstanceState
from jupyter_awsgpu.verbs.image import image
from jupyter_awsgpu.verbs.start import start
from tests.behaviour.verbs.test_attempts import launch_without_arriving


@pytest.mark.parametrize("status", [400, 500])
def test_no_capacity_at_start_leads_on_and_leaves_the_instance(desk, status):
    """The zone with its disk has none: said so, with a launch under another name, and it stays stopped."""
    box = launch_without_arriving(desk, desk.wish(name="mine"))
    cloud = desk.bench.cloud()
    cloud.stop(box.instance_id)
    cloud.wait_for(box.instance_id, {InstanceState.STOPPED}, timeout_s=20)
    desk.aws.fail("StartInstances", "InsufficientInstanceCapacity", status=status, times=1)
    with pytest.raises(
        NoCapacityToStart, match=r"no g4dn\.xlarge free.*us-west-2a.*mine can start only there"
    ) as caught:
        start(desk.bench, "mine")
    assert caught.value.code == "no-capacity"
    assert caught.value.remedy == "awsgpu image mine --name mine-moved"
    then = "awsgpu launch g4dn.xlarge --image mine-moved --name mine-2 --region us-west-2 --zone us-west-2b"
    assert then in caught.value.message
    assert cloud.instance(box.instance_id).state is InstanceState.STOPPED
    image(desk.bench, "mine", image_name="mine-moved")  # the commands named do lead elsewhere
    wish = desk.wish(name="mine-2", image="mine-moved", zone="us-west-2b")
    assert launch_without_arriving(desk, wish).zone == "us-west-2b"
