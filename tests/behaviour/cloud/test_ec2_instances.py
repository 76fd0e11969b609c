"""Instances: asked for, found, waited for, stopped, started, ended, with everything AWS may say in between."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from jupyter_awsgpu import errors
from jupyter_awsgpu.model import InstanceState, Wishes
from tests.behaviour.cloud.account import Launched, new_clouds

if TYPE_CHECKING:
    from pathlib import Path

    from tests.behaviour.cloud.account import Aws

BUSY_S = 6.0
"""What a machine that tests other things beside may add."""

RUNNING = {InstanceState.RUNNING}
STOPPED = {InstanceState.STOPPED}


def test_a_launch_is_found_by_its_tags(ready: Launched) -> None:
    """By owner, name, launch id and token; a stranger's question finds nothing."""
    launched = ready.cloud.run(ready.request())[0]
    cloud = ready.cloud
    for asked in (
        {"owner": ready.owner},
        {"name": "gpu"},
        {"launch_id": "l-1"},
        {"client_token": "l-1-1"},
        {},
    ):
        assert [one.instance_id for one in cloud.instances(**asked)] == [launched.instance_id]  # type: ignore[arg-type]
    assert cloud.instances(owner="123456789012/user/other") == ()
    assert cloud.instances(name="other") == ()


def test_an_instance_tells_everything_a_verb_needs(ready: Launched) -> None:
    """Address, user, disk, price and GPU come with one description."""
    launched = ready.cloud.run(ready.request(zone="us-west-2b"))[0]
    one = ready.cloud.wait_for(launched.instance_id, RUNNING, timeout_s=20)
    assert (one.name, one.zone, one.ssh_user, one.image_wish) == ("gpu", "us-west-2b", "ubuntu", "dlami")
    assert (one.price_per_hour, one.currency, one.root_gb) == (0.526, "USD", 65)
    assert one.gpu is not None
    assert one.gpu.model == "T4"
    assert one.public_address is not None
    assert one.security_groups == (ready.group_id,)


def test_the_same_request_twice_is_one_instance(ready: Launched) -> None:
    """The token makes a replay safe."""
    request = ready.request()
    assert ready.cloud.run(request)[0].instance_id == ready.cloud.run(request)[0].instance_id


@pytest.mark.parametrize("status", [500, 400])
def test_no_capacity_is_one_call_and_names_type_and_zone(aws: Aws, ready: Launched, status: int) -> None:
    """Botocore must not repeat it in the same zone: the next zone is the caller's choice."""
    aws.fail("RunInstances", "InsufficientInstanceCapacity", status=status, times=None)
    with pytest.raises(errors.NoCapacity, match=r"g4dn\.xlarge free at the moment; tried: us-west-2a"):
        ready.cloud.run(ready.request(zone="us-west-2a"))
    assert aws.operations().count("RunInstances") == 1


def test_a_quota_error_is_one_call_with_the_number(aws: Aws, ready: Launched) -> None:
    """The simulated AWS counts vCPUs as AWS does."""
    quota = ready.cloud.quota(ready.itype)
    assert quota is not None
    aws.quota(quota.code, 2)
    with pytest.raises(errors.QuotaTooLow) as caught:
        ready.cloud.run(ready.request())
    assert caught.value.remedy == "awsgpu quota g4dn.xlarge --region us-west-2 --request 4"
    assert aws.operations().count("RunInstances") == 1


def test_a_free_plan_account_is_told_so(aws: Aws, ready: Launched) -> None:
    """Not «invalid parameter combination»."""
    aws.set(free_plan=True)
    with pytest.raises(errors.FreePlan, match=r"g4dn\.xlarge"):
        ready.cloud.run(ready.request())


def test_a_zone_without_the_type_names_those_with_it(ready: Launched) -> None:
    """Oregon's fourth zone has no GPU."""
    request = ready.request(Wishes("p2.xlarge"), zone="us-west-2d")
    with pytest.raises(errors.ZoneNotOffered, match="us-west-2a, us-west-2b, us-west-2c"):
        ready.cloud.run(request)


def test_a_disk_below_the_snapshot_is_refused_by_aws_with_both_sizes(ready: Launched) -> None:
    """Should it ever get that far."""
    request = ready.request()
    request["BlockDeviceMappings"][0]["Ebs"]["VolumeSize"] = 10
    with pytest.raises(errors.DiskTooSmall, match="10 GB"):
        ready.cloud.run(request)


def test_an_image_that_went_away_is_asked_for_anew(aws: Aws, ready: Launched) -> None:
    """A day-old fact may be wrong; the next launch must not trip over it again."""
    aws.fail("RunInstances", "InvalidAMIID.NotFound")
    with pytest.raises(errors.ImageNotFound):
        ready.cloud.run(ready.request())
    before = aws.operations().count("GetParameters")
    ready.cloud.image(None, ready.itype)
    assert aws.operations().count("GetParameters") == before + 1


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("RequestExpired", errors.ClockWrong),
        ("ExpiredToken", errors.CredentialsExpired),
        ("AuthFailure", errors.CredentialsRefused),
        ("OptInRequired", errors.AccountNotReady),
        ("PendingVerification", errors.AccountNotReady),
        ("Blocked", errors.AccountNotReady),
        ("UnauthorizedOperation", errors.PermissionDenied),
        ("SpotMaxPriceTooLow", errors.SpotPriceTooLow),
        ("MaxSpotInstanceCountExceeded", errors.SpotQuotaTooLow),
        ("RequestLimitExceeded", errors.AwsThrottled),
        ("InternalError", errors.AwsFailing),
        ("drop", errors.AwsUnreachable),
    ],
)
def test_whatever_aws_says_to_a_launch_has_its_error(
    aws: Aws, ready: Launched, code: str, expected: type[errors.AwsGpuError]
) -> None:
    """Through real botocore, with real status codes."""
    aws.fail("RunInstances", code, times=None)
    with pytest.raises(expected) as caught:
        ready.cloud.run(ready.request())
    assert type(caught.value) is expected


def test_three_throttles_of_an_ordinary_call_are_survived(aws: Aws, ready: Launched) -> None:
    """By botocore's standard mode, within eight seconds."""
    aws.fail("DescribeInstances", "RequestLimitExceeded", times=3)
    began = time.monotonic()
    assert ready.cloud.instances() == ()
    assert time.monotonic() - began < 8 + BUSY_S


@pytest.mark.parametrize(("code", "expected"), [("ExpiredToken", errors.CredentialsExpired), ("InternalError", None)])
def test_a_list_refused_in_its_middle_is_never_taken_for_the_whole(
    aws: Aws, ready: Launched, code: str, expected: type[errors.AwsGpuError] | None
) -> None:
    """The second page is refused: asked again where that helps, and otherwise an error, not half a list."""
    for attempt in (1, 2, 3):
        ready.cloud.run(ready.request(attempt=attempt))
    aws.set(page=1)
    assert len(ready.cloud.instances()) == 3
    aws.fail("DescribeInstances", code, times=1, spare=1)
    if expected is None:
        assert len(ready.cloud.instances()) == 3
    else:
        with pytest.raises(expected):
            ready.cloud.instances()


def test_a_new_instance_unknown_for_a_moment_is_waited_for(aws: Aws, ready: Launched) -> None:
    """EC2 is eventually consistent."""
    aws.set(staleness_s=1.0)
    launched = ready.cloud.run(ready.request())[0]
    assert ready.cloud.wait_for(launched.instance_id, RUNNING, timeout_s=20).state is InstanceState.RUNNING


def test_running_is_noticed_within_a_second(aws: Aws, ready: Launched) -> None:
    """No waiter of fifteen seconds stands between EC2 and the person."""
    aws.set(pending_s=1.0)
    began = time.monotonic()
    launched = ready.cloud.run(ready.request())[0]
    seen = ready.cloud.wait_for(launched.instance_id, RUNNING, timeout_s=20)
    assert time.monotonic() - began < 2.1 + BUSY_S  # boto3's waiter would look again after fifteen seconds
    assert seen.state is InstanceState.RUNNING


def test_waiting_for_an_instance_that_ends_says_why(ready: Launched) -> None:
    """With EC2's reason, at once."""
    launched = ready.cloud.run(ready.request())[0]
    ready.cloud.terminate(launched.instance_id)
    with pytest.raises(errors.InstanceGone, match="gpu has ended"):
        ready.cloud.wait_for(launched.instance_id, RUNNING, timeout_s=20)


def test_waiting_in_vain_names_the_state(aws: Aws, ready: Launched) -> None:
    """Nobody waits for ever."""
    aws.set(pending_s=30)
    launched = ready.cloud.run(ready.request())[0]
    with pytest.raises(errors.WrongState, match="gpu is pending"):
        ready.cloud.wait_for(launched.instance_id, RUNNING, timeout_s=0.5)


def test_stop_and_start_keep_the_instance_and_change_its_address(ready: Launched) -> None:
    """As EC2 does with addresses it assigns itself."""
    cloud = ready.cloud
    launched = cloud.run(ready.request())[0]
    before = cloud.wait_for(launched.instance_id, RUNNING, timeout_s=20)
    cloud.stop(launched.instance_id)
    stopped = cloud.wait_for(launched.instance_id, STOPPED, timeout_s=20)
    assert stopped.public_address is None
    assert stopped.stopped_at is not None
    cloud.start(launched.instance_id)
    after = cloud.wait_for(launched.instance_id, RUNNING, timeout_s=20)
    assert after.public_address != before.public_address


def test_no_capacity_at_start_names_type_and_zone(aws: Aws, ready: Launched) -> None:
    """The data waits in that zone: the person must know which."""
    cloud = ready.cloud
    launched = cloud.run(ready.request(zone="us-west-2a"))[0]
    cloud.wait_for(launched.instance_id, RUNNING, timeout_s=20)
    cloud.stop(launched.instance_id)
    cloud.wait_for(launched.instance_id, STOPPED, timeout_s=20)
    aws.fail("StartInstances", "InsufficientInstanceCapacity")
    with pytest.raises(errors.NoCapacity, match=r"no g4dn\.xlarge free at the moment; tried: us-west-2a"):
        cloud.start(launched.instance_id)


def test_a_terminated_instance_cannot_start_and_is_called_by_its_name(ready: Launched) -> None:
    """EC2's own refusal names neither."""
    launched = ready.cloud.run(ready.request())[0]
    ready.cloud.terminate(launched.instance_id)
    ready.cloud.wait_for(launched.instance_id, {InstanceState.TERMINATED}, timeout_s=20)
    with pytest.raises(errors.WrongState, match="gpu is terminated, so it cannot start"):
        ready.cloud.start(launched.instance_id)
    with pytest.raises(errors.InstanceGone):
        ready.cloud.instance(launched.instance_id)


def test_a_spot_instance_cannot_be_stopped(ready: Launched) -> None:
    """It says what it is and what can be done."""
    wishes = replace(Wishes("g4dn.xlarge"), spot="yes")
    launched = ready.cloud.run(ready.request(wishes))[0]
    one = ready.cloud.wait_for(launched.instance_id, RUNNING, timeout_s=20)
    assert one.spot
    with pytest.raises(errors.WrongState, match="gpu is a one-time spot instance") as caught:
        ready.cloud.stop(launched.instance_id)
    assert caught.value.remedy == "awsgpu terminate gpu"


def test_a_warm_launch_asks_for_what_may_have_changed(aws: Aws, ready: Launched, tmp_path: Path) -> None:
    """Type, zones, image, price and key are of today; identity, names, plan, group and the launch are asked."""
    ready.cloud.zones_offering("g4dn.xlarge")
    clouds = new_clouds(aws, tmp_path)
    before = len(aws.operations())
    cloud = clouds.here()
    clouds.identity()
    clouds.account_plan()
    cloud.instances(name="gpu")
    itype = cloud.instance_type("g4dn.xlarge")
    cloud.require_offered(itype.name)
    cloud.zones_offering(itype.name)
    again = replace(ready, cloud=cloud, image=cloud.image(None, itype))
    from tests.behaviour.cloud.account import PUBLIC_KEY

    cloud.ensure_key_pair("awsgpu-key", PUBLIC_KEY, ready.tags)
    cloud.ensure_security_group("awsgpu-demo", ready.tags, allow_from=("192.0.2.1/32",), client_id="c1")
    cloud.run(again.request())
    assert aws.operations()[before:] == [
        "GetCallerIdentity",
        "GetAccountPlanState",
        "DescribeInstances",
        "DescribeSecurityGroups",
        "RunInstances",
    ]


def test_the_console_is_readable(ready: Launched) -> None:
    """Empty at first, and never an error."""
    launched = ready.cloud.run(ready.request())[0]
    assert isinstance(ready.cloud.console_output(launched.instance_id), str)


def test_a_stopped_instance_can_change_its_type_and_shutdown(ready: Launched) -> None:
    """For `resize`, and for what an idle stop does."""
    cloud = ready.cloud
    launched = cloud.run(ready.request())[0]
    cloud.wait_for(launched.instance_id, RUNNING, timeout_s=20)
    cloud.set_shutdown_behaviour(launched.instance_id, "terminate")
    cloud.stop(launched.instance_id)
    cloud.wait_for(launched.instance_id, STOPPED, timeout_s=20)
    cloud.set_instance_type(launched.instance_id, "g5.xlarge")
    assert cloud.instance(launched.instance_id).instance_type == "g5.xlarge"
