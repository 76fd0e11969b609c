"""The policy of `doctor --iam-policy`, in force for every call of a tour through the verbs: enough, and no more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jupyter_awsgpu.demo import client
from jupyter_awsgpu.errors import PermissionDenied, UnknownZone
from jupyter_awsgpu.model import InstanceState
from jupyter_awsgpu.verbs.adopt import Adoption, adopt
from jupyter_awsgpu.verbs.choosing import images, quota, regions, types
from jupyter_awsgpu.verbs.cleanup import ORDER, cleanup, leftovers
from jupyter_awsgpu.verbs.image import image
from jupyter_awsgpu.verbs.launch import launch
from jupyter_awsgpu.verbs.plan import plan
from jupyter_awsgpu.verbs.policy import iam_policy
from jupyter_awsgpu.verbs.resize import resize
from jupyter_awsgpu.verbs.start import start
from jupyter_awsgpu.verbs.stop import stop
from jupyter_awsgpu.verbs.terminate import terminate
from tests.behaviour.verbs.hosts_that_answer import OWN_KEY, answering
from tests.behaviour.verbs.test_guard import role  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jupyter_awsgpu.verbs.workbench import Workbench
    from tests.behaviour.verbs.conftest import Desk

QUICK = {"pending_s": 0.0, "stopping_s": 0.0, "image_s": 0.0, "volume_s": 0.0, "quota_approval_s": 0.0}


@pytest.fixture
def bench(desk: Desk) -> Iterator[Workbench]:
    """Return a workbench whose instances answer, though there is no host behind them."""
    desk.aws.set(**QUICK)
    with answering(desk.bench) as bench:
        yield bench


def in_force(desk: Desk, document: dict[str, Any] | None) -> None:
    """Let the simulated AWS allow what the policy allows, and nothing else."""
    client.ask(desk.aws.status, "policy", {"document": document})


def actions(document: dict[str, Any]) -> dict[str, set[str]]:
    """Return the actions of a policy, by statement."""
    return {one["Sid"]: set(one["Action"]) for one in document["Statement"]}


def someone_elses(desk: Desk, tmp_path: Path) -> tuple[str, Path]:
    """Launch as another tool does; return the instance and the key file that opens it."""
    ec2 = desk.bench.cloud().place.ec2
    newest = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    made = ec2.run_instances(ImageId=newest, InstanceType="t2.micro", MinCount=1, MaxCount=1)["Instances"][0]
    desk.bench.cloud().wait_for(made["InstanceId"], {InstanceState.RUNNING}, timeout_s=20)
    key = tmp_path / "theirs.pem"
    key.touch(0o600)
    return str(made["InstanceId"]), key


def an_address_of_ours(desk: Desk) -> None:
    """Have an elastic address with our tags: one made by hand, as `cleanup` may find it."""
    owner = desk.bench.clouds.identity().owner
    tags = [{"Key": "jupyter-awsgpu:owner", "Value": owner}, {"Key": "jupyter-awsgpu:schema", "Value": "1"}]
    kinds = [{"ResourceType": "elastic-ip", "Tags": tags}]
    desk.bench.cloud().place.ec2.allocate_address(Domain="vpc", TagSpecifications=kinds)


def look_around(bench: Workbench, desk: Desk) -> None:
    """Ask everything that one asks before a launch."""
    types(bench)
    regions(bench, "g4dn.xlarge")
    images(bench)
    quota(bench, "g4dn.xlarge")
    quota(bench, "g4dn.xlarge", request=200)
    assert plan(bench, desk.wish()).ok


def a_life(bench: Workbench, desk: Desk, role_arn: str) -> None:
    """Launch with all that a launch can make, change it, keep it, move its data, end it."""
    launch(bench, desk.wish(name="mine", data_gb=10, guard="scheduler", guard_role=role_arn), yes=True)
    bench.settings.allow_from = "198.51.100.7/32"
    launch(bench, desk.wish(name="second", zone="us-west-2b"), yes=True)  # this laptop's rule is another now
    stop(bench, "mine")
    resize(bench, "mine", instance_type="g4dn.2xlarge", disk_gb=200)
    start(bench, "mine")
    image(bench, "mine", image_name="kept")
    terminate(bench, "mine", yes=True)
    terminate(bench, "second", yes=True)
    launch(bench, desk.wish(name="mine", data_gb=20, zone="us-west-2b"), yes=True)  # the data move, and grow
    launch(bench, desk.wish(name="cheap", spot="yes"), yes=True)
    launch(bench, desk.wish(name="many", nodes=2, engine="dask"), yes=True)
    terminate(bench, "many", yes=True)
    launch(bench, desk.wish(name="away", image="kept", region="us-east-1"), yes=True)  # the image goes along


def left_behind(bench: Workbench, desk: Desk, role_arn: str) -> None:
    """Ask for a zone that is none, launch into a subnet, and have the instance end without us, its schedule left."""
    with pytest.raises(UnknownZone):
        launch(bench, desk.wish(name="guarded", zone="us-west-2x"), yes=True)
    subnet = bench.cloud().place.ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    guarded = desk.wish(name="guarded", subnet=subnet, guard="scheduler", guard_role=role_arn)
    bench.cloud().terminate(launch(bench, guarded, yes=True).instance_id)


def test_the_printed_policy_is_enough_and_has_nothing_needless(
    bench: Workbench,
    desk: Desk,
    tmp_path: Path,
    role: str,  # noqa: F811
) -> None:
    """With it in force a tour through all verbs meets no denial, and every action of every statement was needed."""
    document = iam_policy()
    instance_id, key = someone_elses(desk, tmp_path)
    an_address_of_ours(desk)
    in_force(desk, document)
    look_around(bench, desk)
    a_life(bench, desk, role)
    with pytest.raises(Exception, match="host key"):  # the console, which may be read, shows none here
        adopt(bench, Adoption(instance_id, key))
    adopt(bench, Adoption(instance_id, key, host_key=OWN_KEY, name="theirs", max_hours=1))
    stop(bench, "theirs")
    start(bench, "theirs")
    left_behind(bench, desk, role)
    for _ in range(2):  # key pairs and groups are in use until the instances have gone
        cleanup(bench, kinds=ORDER, ids=tuple(one.id for one in leftovers(bench)), yes=True)
    report = client.ask(desk.aws.status, "policy")
    assert report["denied"] == []
    needless = {sid: names - set(report["used"].get(sid, ())) for sid, names in actions(document).items()}
    assert not any(needless.values()), needless
    assert leftovers(bench) == ()


@pytest.mark.parametrize(
    ("sid", "action"),
    [
        ("LaunchTagged", "ec2:RunInstances"),
        ("LaunchWith", "ec2:RunInstances"),
        ("MakeTagged", "ec2:ImportKeyPair"),
        ("TagWhatIsMade", "ec2:CreateTags"),
        ("PublicParameters", "ssm:GetParameters"),
        ("FirstSpot", "iam:CreateServiceLinkedRole"),
    ],
)
def test_a_statement_that_is_missing_is_named_before_anything_is_made(
    bench: Workbench, desk: Desk, sid: str, action: str
) -> None:
    """One sentence names the action, the command leads to the policy, and no instance exists."""
    document = iam_policy()
    document["Statement"] = [one for one in document["Statement"] if one["Sid"] != sid]
    in_force(desk, document)
    with pytest.raises(PermissionDenied, match=action) as denied:
        launch(bench, desk.wish(name="mine", spot="yes" if sid == "FirstSpot" else "no"), yes=True)
    assert denied.value.remedy == "awsgpu doctor --iam-policy"
    in_force(desk, None)
    assert bench.cloud().instances() == ()


def test_a_first_launch_may_be_a_spot_instance(bench: Workbench, desk: Desk) -> None:
    """The question for permission (DryRun) carries the tags that the policy asks of a spot request, too."""
    in_force(desk, iam_policy())
    assert launch(bench, desk.wish(name="mine", spot="yes"), yes=True).spot
