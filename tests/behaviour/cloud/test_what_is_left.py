"""Images, volumes, snapshots and what is left behind: made with our tags, found by them, removed only with them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from jupyter_awsgpu.errors import ImageNotFound, OtherOwner
from jupyter_awsgpu.model import InstanceState, Leftover
from tests.behaviour.cloud.account import Launched, tags_of

if TYPE_CHECKING:
    from jupyter_awsgpu.cloud import Cloud
    from tests.behaviour.cloud.account import Aws

RUNNING = {InstanceState.RUNNING}


def running(ready: Launched) -> str:
    """Launch and return the id of an instance that runs."""
    launched = ready.cloud.run(ready.request())[0]
    return ready.cloud.wait_for(launched.instance_id, RUNNING, timeout_s=20).instance_id


def available(cloud: Cloud, image_id: str) -> list[float]:
    """Wait until an image is available; return how far it was at each look."""
    seen, deadline = [], time.monotonic() + 20
    while time.monotonic() < deadline:
        state, fraction = cloud.image_progress(image_id)
        seen.append(fraction)
        if state == "available":
            return seen
        time.sleep(0.05)
    raise AssertionError(seen)


def test_an_image_is_made_with_progress_and_launched_by_its_name(aws: Aws, ready: Launched) -> None:
    """It knows its user and size; the same name leads a launch to it."""
    aws.set(image_s=0.5)
    image_id = ready.cloud.create_image(running(ready), "trained", tags_of(ready.owner, "trained"))
    seen = available(ready.cloud, image_id)
    assert seen == sorted(seen)
    image = ready.cloud.image("trained", ready.itype)
    assert (image.image_id, image.kind, image.user, image.root_gb) == (image_id, "own", "ubuntu", 65)
    assert image in ready.cloud.images()


def test_deleting_an_image_takes_its_snapshots_along(ready: Launched) -> None:
    """A forgotten snapshot is a forgotten bill."""
    cloud = ready.cloud
    image_id = cloud.create_image(running(ready), "trained", tags_of(ready.owner, "trained"))
    available(cloud, image_id)
    snapshots = cloud.image("trained", ready.itype).snapshot_ids
    assert snapshots
    cloud.delete_image(image_id)
    with pytest.raises(ImageNotFound):
        cloud.image_progress(image_id)
    left = [one["SnapshotId"] for one in cloud.place.ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]]
    assert not set(left) & set(snapshots)


def test_an_image_that_is_not_ours_is_not_deleted(ready: Launched) -> None:
    """Whatever its id."""
    with pytest.raises(OtherOwner):
        ready.cloud.delete_image(ready.image.image_id)


def test_a_volume_is_made_attached_grown_and_removed(ready: Launched) -> None:
    """A data volume lives apart from its instance."""
    cloud, instance_id = ready.cloud, running(ready)
    zone = cloud.instance(instance_id).zone
    volume_id = cloud.create_volume(zone, 10, {**tags_of(ready.owner, "data"), "jupyter-awsgpu:purpose": "data"})
    cloud.attach_volume(volume_id, instance_id, "/dev/sdf")
    (volume,) = cloud.volumes(ready.owner, "data")
    assert (volume.gb, volume.zone, volume.instance_id, volume.purpose) == (10, zone, instance_id, "data")
    cloud.place.ec2.detach_volume(VolumeId=volume_id)  # as whoever uses the console does
    snapshot = cloud.snapshot_volume(volume_id, tags_of(ready.owner, "data"))
    assert cloud.snapshot_progress(snapshot)[0] in ("pending", "completed")
    cloud.delete_volume(volume_id)
    assert cloud.volumes(ready.owner, "data") == ()


def test_leftovers_name_everything_that_costs(ready: Launched) -> None:
    """Each with what it costs a month, and why it is taken for ours."""
    cloud, instance_id = ready.cloud, running(ready)
    image_id = cloud.create_image(instance_id, "trained", tags_of(ready.owner, "trained"))
    available(cloud, image_id)
    cloud.create_volume("us-west-2a", 100, tags_of(ready.owner, "data"))
    found = {(one.kind, one.name): one for one in cloud.leftovers(ready.owner)}
    assert set(found) == {("instance", "gpu"), ("volume", "gpu"), ("volume", "data"), ("image", "trained")}
    assert found["volume", "data"].cost_per_month == 8.0
    assert (found["instance", "gpu"].cost_per_month or 0) > 380
    assert all("jupyter-awsgpu:owner=" in one.evidence for one in found.values())


def test_what_is_left_can_be_removed_in_order_and_then_nothing_is(ready: Launched) -> None:
    """Keys and groups count once nothing uses them."""
    cloud, instance_id = ready.cloud, running(ready)
    available(cloud, cloud.create_image(instance_id, "trained", tags_of(ready.owner, "trained")))
    address = cloud.place.ec2.allocate_address(
        TagSpecifications=[
            {
                "ResourceType": "elastic-ip",
                "Tags": [{"Key": key, "Value": value} for key, value in tags_of(ready.owner).items()],
            }
        ]
    )
    assert address["AllocationId"]
    for _round in range(2):
        for one in cloud.leftovers(ready.owner):
            cloud.remove(one)
    assert cloud.leftovers(ready.owner) == ()


def test_what_lost_our_tags_is_not_removed(ready: Launched) -> None:
    """Tags are read again at the last moment."""
    instance_id = running(ready)
    (found,) = (one for one in ready.cloud.leftovers(ready.owner) if one.kind == "instance")
    ready.cloud.place.ec2.delete_tags(Resources=[instance_id], Tags=[{"Key": "jupyter-awsgpu:schema"}])
    with pytest.raises(OtherOwner):
        ready.cloud.remove(found)


def test_another_owners_things_are_not_ours(ready: Launched) -> None:
    """The list is the owner's own."""
    running(ready)
    assert ready.cloud.leftovers("123456789012/user/other") == ()


def test_removing_what_is_gone_is_no_error(ready: Launched) -> None:
    """Somebody was faster."""
    volume_id = ready.cloud.create_volume("us-west-2a", 1, tags_of(ready.owner, "data"))
    ready.cloud.delete_volume(volume_id)
    gone = Leftover("volume", volume_id, "data", "us-west-2", 0.08, "1 GB", "")
    ready.cloud.remove(gone)
