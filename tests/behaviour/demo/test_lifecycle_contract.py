"""States and what leads from one to the next: start, stop, terminate, reboot, shutdown inside, staleness."""

from __future__ import annotations

import pytest

from tests.behaviour.demo.aws_clients import Aws, eventually, refusal
from tests.behaviour.demo.aws_contract import API, ERRORS, GUIDE, UNCONFIRMED, contract

LIFECYCLE = GUIDE + "ec2-instance-lifecycle.html"


@contract(LIFECYCLE)
def test_a_launch_is_pending_until_it_runs(aws: Aws) -> None:
    """The reply says pending and has no public address; running comes after the delay, with one."""
    aws.ask("settings", {"pending_s": 0.5})
    made = aws.launch()
    assert (made["State"]["Name"], made.get("PublicIpAddress")) == ("pending", None)
    assert aws.describe(made["InstanceId"])["State"]["Name"] == "pending"
    assert aws.until(made["InstanceId"], "running")["PublicIpAddress"].startswith("127.")


@contract(LIFECYCLE)
def test_stop_and_start_pass_through_their_states_and_change_the_address(aws: Aws) -> None:
    """Stopping gives the public address back; the next start brings another; the private one stays."""
    ec2 = aws("ec2")
    aws.ask("settings", {"pending_s": 0.3, "stopping_s": 0.3})
    before = aws.running()
    instance_id = before["InstanceId"]
    change = ec2.stop_instances(InstanceIds=[instance_id])["StoppingInstances"][0]
    assert (change["PreviousState"]["Name"], change["CurrentState"]["Name"]) == ("running", "stopping")
    assert aws.describe(instance_id)["State"]["Name"] == "stopping"
    stopped = aws.until(instance_id, "stopped")
    assert "PublicIpAddress" not in stopped
    assert stopped["StateReason"]["Code"] == "Client.UserInitiatedShutdown"
    assert stopped["StateTransitionReason"].startswith("User initiated (")
    change = ec2.start_instances(InstanceIds=[instance_id])["StartingInstances"][0]
    assert (change["PreviousState"]["Name"], change["CurrentState"]["Name"]) == ("stopped", "pending")
    after = aws.until(instance_id, "running")
    assert after["PublicIpAddress"] != before["PublicIpAddress"]
    assert after["PrivateIpAddress"] == before["PrivateIpAddress"]


@contract(LIFECYCLE)
def test_a_terminated_instance_is_seen_for_a_while_and_never_starts(aws: Aws) -> None:
    """Terminated stays listed, refuses start and stop, and is gone after its while."""
    ec2 = aws("ec2")
    aws.ask("settings", {"terminated_s": 0.8})
    instance_id = aws.running()["InstanceId"]
    change = ec2.terminate_instances(InstanceIds=[instance_id])["TerminatingInstances"][0]
    assert change["CurrentState"]["Name"] == "shutting-down"
    assert aws.until(instance_id, "terminated")["StateReason"]["Code"] == "Client.UserInitiatedShutdown"
    for verb in (ec2.start_instances, ec2.stop_instances, ec2.reboot_instances):
        assert refusal(verb, InstanceIds=[instance_id])[0] == "IncorrectInstanceState"
    assert ec2.terminate_instances(InstanceIds=[instance_id])["TerminatingInstances"]
    eventually(lambda: ec2.describe_instances()["Reservations"], lambda rows: rows == [], "the terminated one is gone")
    assert refusal(ec2.describe_instances, InstanceIds=[instance_id])[0] == "InvalidInstanceID.NotFound"


@contract(ERRORS)
def test_starting_what_is_stopping_is_refused(aws: Aws) -> None:
    """An instance on its way down is in no state from which it can be started."""
    aws.ask("settings", {"stopping_s": 2})
    instance_id = aws.running()["InstanceId"]
    aws("ec2").stop_instances(InstanceIds=[instance_id])
    assert refusal(aws("ec2").start_instances, InstanceIds=[instance_id])[:2] == ("IncorrectInstanceState", 400)


@contract(GUIDE + "spot-interruptions.html")
def test_a_one_time_spot_instance_cannot_be_stopped(aws: Aws) -> None:
    """Stop of a one-time spot instance is UnsupportedOperation; of a persistent one it is done."""
    once = aws.running(InstanceMarketOptions={"MarketType": "spot"})
    assert refusal(aws("ec2").stop_instances, InstanceIds=[once["InstanceId"]])[0] == "UnsupportedOperation"
    options = {"SpotInstanceType": "persistent", "InstanceInterruptionBehavior": "stop"}
    kept = aws.running(InstanceMarketOptions={"MarketType": "spot", "SpotOptions": options})
    aws("ec2").stop_instances(InstanceIds=[kept["InstanceId"]])
    aws.until(kept["InstanceId"], "stopped")


@contract("https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html")
def test_a_new_instance_is_unknown_for_the_staleness(aws: Aws) -> None:
    """Right after RunInstances other calls may not know the instance yet."""
    aws.ask("settings", {"staleness_s": 0.6})
    made = aws.launch(ClientToken="t")
    ec2 = aws("ec2")
    assert refusal(ec2.describe_instances, InstanceIds=[made["InstanceId"]])[:2] == ("InvalidInstanceID.NotFound", 400)
    assert refusal(ec2.create_tags, Resources=[made["InstanceId"]], Tags=[{"Key": "a", "Value": "b"}])[0] == (
        "InvalidInstanceID.NotFound"
    )
    assert ec2.describe_instances(Filters=[{"Name": "client-token", "Values": ["t"]}])["Reservations"] == []
    eventually(lambda: ec2.describe_instances()["Reservations"], bool, "the instance is known")


@contract(GUIDE + "Using_ChangingInstanceInitiatedShutdownBehavior.html")
@pytest.mark.parametrize(("behaviour", "state"), [("stop", "stopped"), ("terminate", "terminated")])
def test_a_shutdown_inside_ends_as_the_launch_said(aws: Aws, behaviour: str, state: str) -> None:
    """`shutdown -h` in the guest stops or terminates by InstanceInitiatedShutdownBehavior, with its own reason."""
    instance = aws.running(InstanceInitiatedShutdownBehavior=behaviour)
    aws.ask("shutdown", {"instance_id": instance["InstanceId"]})
    reason = aws.until(instance["InstanceId"], state)["StateReason"]
    assert reason["Code"] == "Client.InstanceInitiatedShutdown"


@contract(API + "ModifyInstanceAttribute.html")
def test_type_and_user_data_change_only_while_stopped(aws: Aws) -> None:
    """A running instance refuses another type; a stopped one takes it, and its shutdown behaviour any time."""
    ec2, instance_id = aws("ec2"), aws.running()["InstanceId"]
    wish = {"InstanceId": instance_id, "InstanceType": {"Value": "g4dn.xlarge"}}
    assert refusal(ec2.modify_instance_attribute, **wish)[0] == "IncorrectInstanceState"
    ec2.modify_instance_attribute(InstanceId=instance_id, InstanceInitiatedShutdownBehavior={"Value": "terminate"})
    kept = ec2.describe_instance_attribute(InstanceId=instance_id, Attribute="instanceInitiatedShutdownBehavior")
    assert kept["InstanceInitiatedShutdownBehavior"]["Value"] == "terminate"
    ec2.stop_instances(InstanceIds=[instance_id])
    aws.until(instance_id, "stopped")
    ec2.modify_instance_attribute(**wish)
    assert aws.describe(instance_id)["InstanceType"] == "g4dn.xlarge"


@contract(API + "TerminateInstances.html")
def test_a_protected_instance_is_not_terminated(aws: Aws) -> None:
    """DisableApiTermination makes terminate OperationNotPermitted."""
    instance_id = aws.running(DisableApiTermination=True)["InstanceId"]
    aws("ec2").modify_instance_attribute(InstanceId=instance_id, DisableApiTermination={"Value": True})
    assert refusal(aws("ec2").terminate_instances, InstanceIds=[instance_id])[0] == "OperationNotPermitted"


@contract(API + "GetConsoleOutput.html")
def test_console_output_is_what_the_host_printed(aws: Aws) -> None:
    """GetConsoleOutput carries the console, decoded by boto3."""
    instance_id = aws.running()["InstanceId"]
    assert instance_id in aws("ec2").get_console_output(InstanceId=instance_id)["Output"]


@contract(API + "DescribeInstances.html")
def test_an_instance_of_another_region_is_not_found(aws: Aws) -> None:
    """Regions are apart: an id is unknown everywhere but at home."""
    instance_id = aws.running()["InstanceId"]
    assert (
        refusal(aws("ec2", "eu-west-1").describe_instances, InstanceIds=[instance_id])[0]
        == "InvalidInstanceID.NotFound"
    )
    assert aws("ec2", "eu-west-1").describe_instances()["Reservations"] == []


@contract("https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-regions.html")
def test_regions_nobody_enabled_are_not_listed_and_refuse(aws: Aws) -> None:
    """DescribeRegions has the regions enabled for everybody; one that is not refuses the credentials."""
    names = {row["RegionName"] for row in aws("ec2").describe_regions()["Regions"]}
    everywhere = {
        row["RegionName"]: row["OptInStatus"] for row in aws("ec2").describe_regions(AllRegions=True)["Regions"]
    }
    assert (len(names), "us-west-2" in names, "ap-east-1" in names) == (17, True, False)
    assert everywhere["ap-east-1"] == "not-opted-in"
    assert refusal(aws("ec2", "ap-east-1").describe_instances)[:2] == ("AuthFailure", 401)


@contract(UNCONFIRMED)
def test_an_unknown_filter_is_refused(either: Aws) -> None:
    """A filter that does not exist is InvalidParameterValue, not a page of HTML."""
    wish = {"Filters": [{"Name": "no-such-filter", "Values": ["x"]}]}
    assert refusal(either("ec2").describe_instances, **wish)[:2] == ("InvalidParameterValue", 400)


@contract(LIFECYCLE)
def test_waiters_of_boto3_work(aws: Aws) -> None:
    """boto3's own waiters for running, stopped and terminated come to their end."""
    ec2, instance_id = aws("ec2"), aws.launch()["InstanceId"]
    quick = {"Delay": 0.05, "MaxAttempts": 100}
    ec2.get_waiter("instance_running").wait(InstanceIds=[instance_id], WaiterConfig=quick)
    ec2.get_waiter("instance_status_ok").wait(InstanceIds=[instance_id], WaiterConfig=quick)
    ec2.stop_instances(InstanceIds=[instance_id])
    ec2.get_waiter("instance_stopped").wait(InstanceIds=[instance_id], WaiterConfig=quick)
    ec2.terminate_instances(InstanceIds=[instance_id])
    ec2.get_waiter("instance_terminated").wait(InstanceIds=[instance_id], WaiterConfig=quick)
