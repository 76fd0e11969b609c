"""`image --then-terminate` cut at every call it makes: one good copy of the work is always left."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_awsgpu.errors import AwsGpuError, ImageNameTaken, ImageNotFound, ImageUnproven, NeedsYes, OtherOwner
from jupyter_awsgpu.model import InstanceState
from jupyter_awsgpu.verbs.access import resource_tags
from jupyter_awsgpu.verbs.image import delete_image, image
from jupyter_awsgpu.verbs.image_here import bring_image, lies_elsewhere
from jupyter_awsgpu.verbs.proof import prove
from tests.behaviour.verbs.test_attempts import launch_without_arriving

if TYPE_CHECKING:
    from jupyter_awsgpu.model import Image, Instance
    from tests.behaviour.verbs.conftest import Desk

SPEED = {"pending_s": 0.0, "stopping_s": 0.0, "image_s": 0.0, "volume_s": 0.0}


def keep(desk: Desk, name: str = "trained") -> Image:
    """Do the whole verb; the throwaway instance is booted up to `running`: there is no host behind it here."""
    return image(
        desk.bench,
        "mine",
        image_name=name,
        then_terminate=True,
        yes=True,
        boot=lambda _bench, wishes: launch_without_arriving(desk, wishes) and None,
    )


def alive(desk: Desk) -> list[Instance]:
    """Return the instances that exist."""
    return [one for one in desk.bench.cloud().instances() if one.state.alive]


def good_copies(desk: Desk) -> list[str]:
    """Return what still has the work: the original on its disk, or an image that is whole."""
    cloud = desk.bench.cloud()
    originals = [one.instance_id for one in alive(desk) if one.name == "mine"]
    images = [one.image_id for one in cloud.own_images() if cloud.image_progress(one.image_id)[0] == "available"]
    return originals + images


def begin(desk: Desk) -> Instance:
    """Start over with one running instance, nothing failing."""
    desk.aws.mend()
    for one in desk.bench.cloud().own_images():
        desk.bench.cloud().delete_image(one.image_id)
    for one in alive(desk):
        if one.name != "mine":
            desk.bench.cloud().terminate(one.instance_id)
    mine = [one for one in alive(desk) if one.name == "mine"]
    if not mine:
        return launch_without_arriving(desk, desk.wish(name="mine"))
    if mine[0].state is not InstanceState.RUNNING:
        desk.bench.cloud().wait_for(mine[0].instance_id, {InstanceState.STOPPED}, timeout_s=20)
        desk.bench.cloud().start(mine[0].instance_id)
    return desk.bench.cloud().wait_for(mine[0].instance_id, {InstanceState.RUNNING}, timeout_s=20)


def recorded(desk: Desk) -> list[str]:
    """Return the calls of one undisturbed run, in order."""
    before = len(desk.aws.operations())
    keep(desk)
    return desk.aws.operations()[before:]


def places(calls: list[str]) -> list[tuple[str, int]]:
    """Return every call of a run as operation and number; of what is asked often, a few of them."""
    count = {name: calls.count(name) for name in calls}
    wanted = {name: sorted({0, 1, many // 2, many - 1}) for name, many in count.items()}
    return [(name, number) for name, numbers in wanted.items() for number in numbers if number < count[name]]


def attempt(desk: Desk) -> None:
    """Run the verb; whatever it raises is one of ours."""
    try:
        keep(desk)
    except AwsGpuError:
        pass
    finally:
        desk.aws.mend()


def test_a_fault_at_every_call_leaves_a_good_copy(desk: Desk) -> None:
    """Each call of the whole verb refused once, then each with everything after it: the work is never lost."""
    desk.aws.set(**SPEED)
    begin(desk)
    calls = recorded(desk)
    assert {"CreateImage", "RunInstances", "TerminateInstances", "StopInstances"} <= set(calls)
    assert good_copies(desk)
    for operation, number in places(calls):
        begin(desk)
        desk.aws.fail(operation, "UnauthorizedOperation", spare=number)
        attempt(desk)
        assert good_copies(desk), (operation, number)
    for number in range(0, len(calls), 3):
        begin(desk)
        desk.aws.fail("*", "UnauthorizedOperation", spare=number, times=None, service="ec2")
        attempt(desk)
        assert good_copies(desk), ("everything from", number)


def test_what_fails_is_said_and_the_original_is_whole(desk: Desk) -> None:
    """The copy does not boot, or cannot be ended: said, the original there and stopped, the image kept."""
    desk.aws.set(**SPEED)
    for operation, words in (("RunInstances", "is not proved"), ("TerminateInstances", "could not be ended")):
        begin(desk)
        desk.aws.fail(operation, "UnauthorizedOperation", times=2)
        with pytest.raises(ImageUnproven, match=words):
            keep(desk)
        (original,) = (one for one in alive(desk) if one.name == "mine")
        assert original.state is InstanceState.STOPPED


def test_a_quota_without_room_for_both_stops_the_original_first(desk: Desk) -> None:
    """With room for one g4dn.xlarge alone, a running original is stopped before its copy boots."""
    box = launch_without_arriving(desk, desk.wish(name="mine"))
    made = image(desk.bench, "mine", image_name="trained")
    cloud = desk.bench.cloud()
    cloud.start(box.instance_id)
    cloud.wait_for(box.instance_id, {InstanceState.RUNNING}, timeout_s=20)
    desk.aws.quota("L-DB2E81BA", 4)
    seen: list[InstanceState] = []

    def boot(_bench: Any, wishes: Any) -> None:
        seen.append(cloud.instance(box.instance_id).state)
        launch_without_arriving(desk, wishes)

    with desk.bench.records.operations.begin("image", "mine") as operation:
        prove(desk.bench, cloud.instance(box.instance_id), made, operation, boot)
    assert seen == [InstanceState.STOPPED]


def test_an_image_of_what_the_disk_holds_is_gone_on_with(desk: Desk) -> None:
    """Given again after it was cut off, the command waits for the image it asked for, and asks for no second."""
    desk.aws.set(**SPEED)
    box = begin(desk)
    while time.time() < box.launched_at.timestamp() + 1:  # EC2 counts seconds, and needs more of them for a stop
        time.sleep(0.05)
    desk.aws.fail("DescribeImages", "UnauthorizedOperation", spare=1)
    with pytest.raises(AwsGpuError):
        image(desk.bench, "mine", image_name="trained")
    desk.aws.mend()
    made = image(desk.bench, "mine", image_name="trained")
    assert made.name == "trained"
    assert desk.aws.operations().count("CreateImage") == 1
    assert image(desk.bench, "mine", image_name="trained").image_id == made.image_id
    assert image(desk.bench, "mine").image_id == made.image_id, "a second copy of the same disk costs money"


def test_an_image_frozen_before_the_last_stop_is_not_gone_on_with(desk: Desk) -> None:
    """What was written between the freezing and the stop is on the disk alone: the original waits for a new image."""
    desk.aws.set(**SPEED)
    box = begin(desk)
    while time.time() < box.launched_at.timestamp() + 1:  # EC2 counts seconds
        time.sleep(0.05)
    cloud = desk.bench.cloud()
    tags = resource_tags(desk.bench.clouds.identity(), name="early", made_of=box.instance_id, frozen="1")
    frozen = cloud.create_image(box.instance_id, "early", tags)
    cloud.stop(box.instance_id)
    cloud.wait_for(box.instance_id, {InstanceState.STOPPED}, timeout_s=20)
    assert image(desk.bench, "mine").image_id != frozen
    with pytest.raises(ImageNameTaken):
        image(desk.bench, "mine", image_name="early", then_terminate=True, yes=True)
    assert [one.instance_id for one in alive(desk)] == [box.instance_id]


def test_an_original_started_while_its_copy_was_proved_is_not_ended(desk: Desk) -> None:
    """Another laptop may start it in those minutes: what is written then is in no image."""
    desk.aws.set(**SPEED)
    box = begin(desk)
    cloud = desk.bench.cloud()

    def boot(_bench: Any, wishes: Any) -> None:
        launch_without_arriving(desk, wishes)
        cloud.start(box.instance_id)
        cloud.wait_for(box.instance_id, {InstanceState.RUNNING}, timeout_s=20)

    with pytest.raises(ImageUnproven, match="has been started since"):
        image(desk.bench, "mine", image_name="trained", then_terminate=True, yes=True, boot=boot)
    assert [one.instance_id for one in alive(desk)] == [box.instance_id]


def test_a_name_that_another_image_has_stops_nothing(desk: Desk) -> None:
    """An image from before the last start is no copy of the disk: it is neither taken for one, nor is work stopped."""
    desk.aws.set(**SPEED)
    box = begin(desk)
    image(desk.bench, "mine", image_name="trained")
    cloud = desk.bench.cloud()
    cloud.start(box.instance_id)
    cloud.wait_for(box.instance_id, {InstanceState.RUNNING}, timeout_s=20)
    with pytest.raises(ImageNameTaken, match="trained") as refused:
        keep(desk)
    assert refused.value.remedy == "awsgpu image mine --then-terminate"
    assert cloud.instance(box.instance_id).state is InstanceState.RUNNING
    cloud.stop(box.instance_id)
    cloud.wait_for(box.instance_id, {InstanceState.STOPPED}, timeout_s=20)
    with pytest.raises(ImageNameTaken):
        keep(desk)
    assert [one.name for one in alive(desk)] == ["mine"]


def test_the_question_names_the_price_of_the_proof(desk: Desk) -> None:
    """What goes, what is booted for it, at what price."""
    launch_without_arriving(desk, desk.wish(name="mine"))
    with pytest.raises(NeedsYes, match=r"throwaway instance .* at \$0\.526/h") as asked:
        image(desk.bench, "mine", image_name="trained", then_terminate=True)
    assert asked.value.remedy == "awsgpu image mine --then-terminate --yes"
    with pytest.raises(NeedsYes, match=r"has proved it\. What it writes after the image is made is not in it"):
        image(desk.bench, "mine", image_name="trained", then_terminate=True, freeze=True)


def test_an_instance_that_a_person_called_so_is_no_throwaway(desk: Desk) -> None:
    """`mine-proof` is somebody's machine: the proof of `mine` neither takes its name nor ends it."""
    desk.aws.set(**SPEED)
    launch_without_arriving(desk, desk.wish(name="mine"))
    own = launch_without_arriving(desk, desk.wish(name="mine-proof"))
    keep(desk)
    assert [one.instance_id for one in alive(desk)] == [own.instance_id]


def test_an_image_of_another_region_is_copied_when_that_is_agreed_to(desk: Desk) -> None:
    """Said with region and price; copied once, tagged as ours, waited for; the wishes then name it."""
    launch_without_arriving(desk, desk.wish(name="mine"))
    made = image(desk.bench, "mine", image_name="trained")
    there = desk.wish(image="trained", region="us-east-1")
    missing = ImageNotFound(image="trained", region="us-east-1")
    with desk.bench.records.operations.begin("launch", "gpu") as operation:
        with pytest.raises(NeedsYes, match=r"lies in us-west-2; a copy in us-east-1 \(65 GB\) costs \$3\.25 a month"):
            bring_image(desk.bench, there, missing, operation, yes=False)
        desk.aws.fail("CopyImage", "drop-answer")
        wishes = bring_image(desk.bench, there, missing, operation, yes=True)
        (copy,) = desk.bench.cloud("us-east-1").own_images()
        assert (wishes.image, copy.name, copy.root_gb, copy.user) == ("trained", "trained", made.root_gb, made.user)
        by_id = desk.wish(image=made.image_id, region="us-east-1")
        assert lies_elsewhere(desk.bench, by_id).image_id == made.image_id
        with pytest.raises(ImageNotFound):
            bring_image(desk.bench, desk.wish(image="never-made", region="us-east-1"), missing, operation, yes=True)


def test_another_owners_image_is_not_deleted(desk: Desk) -> None:
    """Seen and named, never removed."""
    box = launch_without_arriving(desk, desk.wish(name="mine"))
    has = {**dict(box.tags), "jupyter-awsgpu:owner": "123456789012/user/somebody", "jupyter-awsgpu:name": "theirs"}
    desk.bench.cloud().create_image(box.instance_id, "theirs", has)
    with pytest.raises(OtherOwner, match="somebody"):
        delete_image(desk.bench, "theirs", yes=True)
