"""Faults on tap: they reach real boto3 as AWS's own would, as often as asked, and the log tells of each call."""

from __future__ import annotations

import time
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from jupyter_awsgpu.demo import client
from jupyter_awsgpu.errors import DemoFailed
from tests.behaviour.demo.aws_clients import Aws, refusal
from tests.behaviour.demo.aws_contract import ERRORS, UNCONFIRMED, contract

QUOTA = {"ServiceCode": "ec2", "QuotaCode": "L-417A185B"}


@contract(ERRORS)
@pytest.mark.parametrize(
    ("service", "method", "operation", "params", "code", "status"),
    [
        ("ec2", "describe_instances", "DescribeInstances", {}, "RequestLimitExceeded", 503),
        ("ec2", "describe_vpcs", "DescribeVpcs", {}, "UnauthorizedOperation", 403),
        ("ec2", "describe_regions", "DescribeRegions", {}, "OptInRequired", 400),
        ("sts", "get_caller_identity", "GetCallerIdentity", {}, "ExpiredToken", 403),
        ("service-quotas", "get_service_quota", "GetServiceQuota", QUOTA, "TooManyRequestsException", 400),
        ("ssm", "get_parameter", "GetParameter", {"Name": "/a"}, "InternalServerError", 500),
        ("scheduler", "list_schedules", "ListSchedules", {}, "ThrottlingException", 429),
    ],
)
def test_a_fault_reaches_boto3_in_each_protocol(
    aws: Aws, service: str, method: str, operation: str, params: dict[str, Any], code: str, status: int
) -> None:
    """EC2, query, JSON and REST-JSON clients all read the injected code and status; the next call is served."""
    aws.ask("faults", {"operation": operation, "code": code, "status": status, "times": 1})
    assert refusal(getattr(aws(service), method), **params)[:2] == (code, status)
    assert aws.ask("faults") == []


@contract(ERRORS)
def test_a_zone_without_capacity_refuses_and_the_next_zone_serves(aws: Aws) -> None:
    """The asked zone is InsufficientInstanceCapacity, HTTP 500; without a zone AWS takes another; none at all."""
    fault = {"operation": "RunInstances", "code": "InsufficientInstanceCapacity", "times": None}
    aws.ask("faults", {**fault, "zone": "us-west-2a"})
    asked = {"InstanceType": "p2.xlarge", "Placement": {"AvailabilityZone": "us-west-2a"}}
    code, status, message = refusal(aws.launch, **asked)
    assert (code, status) == ("InsufficientInstanceCapacity", 500)
    assert "choosing us-west-2b, us-west-2c" in message
    assert aws.launch(InstanceType="p2.xlarge")["Placement"]["AvailabilityZone"] == "us-west-2b"
    for zone in ("us-west-2b", "us-west-2c"):
        aws.ask("faults", {**fault, "zone": zone})
    assert refusal(aws.launch, InstanceType="p2.xlarge")[0] == "InsufficientInstanceCapacity"


@contract(ERRORS)
def test_a_stopped_instance_may_find_no_capacity(aws: Aws) -> None:
    """StartInstances can fail for capacity in the instance's zone; it stays stopped."""
    instance = aws.running()
    aws("ec2").stop_instances(InstanceIds=[instance["InstanceId"]])
    aws.until(instance["InstanceId"], "stopped")
    zone = instance["Placement"]["AvailabilityZone"]
    aws.ask("faults", {"operation": "StartInstances", "code": "InsufficientInstanceCapacity", "zone": zone})
    code = refusal(aws("ec2").start_instances, InstanceIds=[instance["InstanceId"]])[0]
    assert (code, aws.describe(instance["InstanceId"])["State"]["Name"]) == ("InsufficientInstanceCapacity", "stopped")


def test_a_fault_hits_as_often_as_asked_and_only_its_region(aws: Aws) -> None:
    """Two times in one region is two refusals there, none elsewhere."""
    aws.ask("faults", {"operation": "DescribeVpcs", "code": "Unavailable", "times": 2, "region": "us-west-2"})
    assert aws("ec2", "eu-west-1").describe_vpcs()["Vpcs"]
    assert [refusal(aws("ec2").describe_vpcs)[:2] for _ in range(2)] == [("Unavailable", 503)] * 2
    assert aws("ec2").describe_vpcs()["Vpcs"]


def test_a_dropped_connection_is_no_answer(aws: Aws) -> None:
    """The code `drop` cuts the connection: boto3 sees no AWS at all."""
    aws.ask("faults", {"operation": "DescribeVpcs", "code": "drop"})
    with pytest.raises(BotoCoreError):
        aws("ec2").describe_vpcs()
    assert aws("ec2").describe_vpcs()["Vpcs"]


def test_latency_is_added_to_each_call(aws: Aws) -> None:
    """With 200 ms set, a call takes at least that."""
    aws("ec2").describe_vpcs()
    aws.ask("settings", {"latency_ms": 200})
    begun = time.monotonic()
    aws("ec2").describe_vpcs()
    assert time.monotonic() - begun >= 0.2


def test_every_call_is_in_the_log(aws: Aws) -> None:
    """The log names service, operation, region, DryRun and the code of a refusal, in order."""
    before = aws.ask("calls")[-1]["number"] if aws.ask("calls") else 0
    aws("ec2", "eu-west-1").describe_vpcs()
    refusal(aws("ec2").run_instances, ImageId="ami-0123456789abcdef0", MinCount=1, MaxCount=1, DryRun=True)
    rows = aws.ask(f"calls?since={before}")
    assert [(row["service"], row["operation"], row["region"], row["dry_run"]) for row in rows] == [
        ("ec2", "DescribeVpcs", "eu-west-1", False),
        ("ec2", "RunInstances", "us-west-2", True),
    ]
    assert [row["status"] for row in rows] == [200, 400]


@contract(UNCONFIRMED)
@pytest.mark.parametrize(
    ("service", "method", "code"),
    [
        ("ec2", "describe_vpcs", "AuthFailure"),
        ("sts", "get_caller_identity", "InvalidClientTokenId"),
        ("ssm", "describe_parameters", "UnrecognizedClientException"),
    ],
)
def test_credentials_nobody_issued_are_refused(aws: Aws, service: str, method: str, code: str) -> None:
    """A key that is not this state's is refused as each protocol does."""
    assert aws.simulated is not None
    stranger = boto3.client(
        service,
        region_name="us-west-2",
        endpoint_url=aws.simulated.endpoint,
        aws_access_key_id="AKIASTRANGER",
        aws_secret_access_key="nobody",
        config=Config(retries={"total_max_attempts": 1}),
    )
    with pytest.raises(ClientError) as caught:
        getattr(stranger, method)()
    assert caught.value.response["Error"]["Code"] == code


def test_the_control_plane_refuses_what_it_does_not_know(aws: Aws) -> None:
    """An unknown setting, fault field or path is an error, not silence."""
    for what, values in (("settings", {"speed": 1}), ("faults", {"operaton": "X"}), ("nonsense", {}), ("busy", {})):
        with pytest.raises(DemoFailed):
            aws.ask(what, values)


def test_the_callers_address_is_plain_text(aws: Aws) -> None:
    """`address` answers as checkip does: the address alone."""
    assert aws.simulated is not None
    assert client.ask(aws.simulated, "address") == "127.0.0.1"


def test_a_spot_instance_is_taken_back_after_its_notice(aws: Aws) -> None:
    """An interruption terminates a one-time spot instance with AWS's reason and closes its request."""
    instance = aws.running(InstanceMarketOptions={"MarketType": "spot"})
    aws.ask("interrupt", {"instance_id": instance["InstanceId"], "notice_s": 0.1})
    gone = aws.until(instance["InstanceId"], "terminated")
    assert gone["StateReason"]["Code"] == "Server.SpotInstanceTermination"
    (request,) = aws("ec2").describe_spot_instance_requests()["SpotInstanceRequests"]
    assert request["Status"]["Code"] == "instance-terminated-no-capacity"
    with pytest.raises(DemoFailed):
        aws.ask("interrupt", {"instance_id": aws.running()["InstanceId"]})


@contract("https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html")
def test_a_clock_ten_minutes_off_is_refused_in_each_protocol(aws: Aws) -> None:
    """EC2 says RequestExpired, the others that the signature has; four minutes are borne."""
    aws.ask("settings", {"clock_s": 240.0})
    assert aws("ec2").describe_vpcs()["Vpcs"]
    aws.ask("settings", {"clock_s": 600.0})
    assert refusal(aws("ec2").describe_vpcs)[0] == "RequestExpired"
    code, status, message = refusal(aws("sts").get_caller_identity)
    assert (code, status) == ("SignatureDoesNotMatch", 403)
    assert "Signature expired" in message
