"""An adopted instance: in every list but that of what may be removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jupyter_awsgpu.errors import OtherOwner
from jupyter_awsgpu.model import ADOPTED, InstanceState

if TYPE_CHECKING:
    from tests.behaviour.cloud.account import Launched


def test_it_and_its_disk_are_no_leftovers_and_are_not_removed(ready: Launched) -> None:
    """Even a list made before it was tagged so removes nothing of it."""
    cloud = ready.cloud
    launched = cloud.run(ready.request())[0]
    cloud.wait_for(launched.instance_id, {InstanceState.RUNNING}, timeout_s=20)
    (before,) = (one for one in cloud.leftovers(ready.owner) if one.kind == "instance")
    cloud.tag(launched.instance_id, {ADOPTED: "1"})
    assert cloud.instance(launched.instance_id).adopted
    assert [one.instance_id for one in cloud.instances(owner=ready.owner)] == [launched.instance_id]
    assert not [one for one in cloud.leftovers(ready.owner) if one.kind in ("instance", "volume")]
    with pytest.raises(OtherOwner):
        cloud.remove(before)
    assert cloud.instance(launched.instance_id).state is InstanceState.RUNNING
