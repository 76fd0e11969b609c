"""What RunInstances refuses, and that one ClientToken means one launch."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.behaviour.demo.aws_clients import Aws, refusal
from tests.behaviour.demo.aws_contract import API, ERRORS, GUIDE, UNCONFIRMED, contract

SMALL_DISK = [{"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 4}}]
LONG = "x" * 16385

REFUSED: list[Any] = [
    pytest.param({"InstanceType": "zz.9large"}, "InvalidParameterValue", "zz.9large", UNCONFIRMED, id="unknown-type"),
    pytest.param(
        {"ImageId": "ami-0123456789abcdef0"}, "InvalidAMIID.NotFound", "does not exist", ERRORS, id="no-image"
    ),
    pytest.param({"ImageId": "nonsense"}, "InvalidAMIID.Malformed", "nonsense", ERRORS, id="malformed-image"),
    pytest.param({"KeyName": "nobodys"}, "InvalidKeyPair.NotFound", "nobodys", ERRORS, id="unknown-key"),
    pytest.param(
        {"SecurityGroupIds": ["sg-0123456789abcdef0"]}, "InvalidGroup.NotFound", "sg-0123", ERRORS, id="unknown-group"
    ),
    pytest.param({"SecurityGroupIds": ["web"]}, "InvalidGroupId.Malformed", "web", ERRORS, id="malformed-group"),
    pytest.param({"UserData": LONG}, "InvalidParameterValue", "limited to 16384 bytes", GUIDE, id="long-user-data"),
    pytest.param(
        {"BlockDeviceMappings": SMALL_DISK}, "InvalidBlockDeviceMapping", "expect size >= 8GB", ERRORS, id="disk"
    ),
    pytest.param({"SubnetId": "subnet-0123456789abcdef0"}, "InvalidSubnetID.NotFound", "subnet-", ERRORS, id="subnet"),
    pytest.param({"InstanceType": "g5g.xlarge"}, "InvalidParameterValue", "arm64", UNCONFIRMED, id="architecture"),
    pytest.param(
        {"Placement": {"GroupName": "nobodys"}},
        "InvalidPlacementGroup.Unknown",
        "nobodys",
        ERRORS,
        id="placement-group",
    ),
]


@contract(ERRORS)
@pytest.mark.parametrize(("wish", "code", "says", "source"), REFUSED)
def test_a_wrong_launch_is_refused_before_anything_exists(
    either: Aws, wish: dict[str, Any], code: str, says: str, source: str
) -> None:
    """RunInstances refuses the wish with AWS's code and a message that names the fault, also under DryRun."""
    asked = {
        "ImageId": either.ubuntu(),
        "InstanceType": "t2.micro",
        "MinCount": 1,
        "MaxCount": 1,
        "DryRun": True,
    } | wish
    seen, status, message = refusal(either("ec2").run_instances, **asked)
    assert (seen, status) == (code, 400)
    assert says in message
    if either.simulated is not None:
        assert either("ec2").describe_instances()["Reservations"] == []


@contract(API + "RunInstances.html")
def test_a_dry_run_of_a_good_launch_says_so_with_412(either: Aws) -> None:
    """DryRun of what would succeed is DryRunOperation, HTTP 412, and launches nothing."""
    wish = {"ImageId": either.ubuntu(), "InstanceType": "t2.micro", "MinCount": 1, "MaxCount": 1, "DryRun": True}
    code, status, _ = refusal(either("ec2").run_instances, **wish)
    assert (code, status) == ("DryRunOperation", 412)


@contract(UNCONFIRMED)
def test_a_dry_run_tests_neither_quota_nor_capacity_nor_plan(aws: Aws) -> None:
    """DryRun answers about permission and parameters alone."""
    aws.ask("settings", {"free_plan": True})
    aws.ask("faults", {"operation": "RunInstances", "code": "InsufficientInstanceCapacity", "zone": "us-west-2a"})
    aws.ask("quota", {"region": "us-west-2", "code": "L-DB2E81BA", "value": 0})
    wish = {"InstanceType": "g4dn.xlarge", "Placement": {"AvailabilityZone": "us-west-2a"}, "DryRun": True}
    assert refusal(aws.launch, **wish)[0] == "DryRunOperation"


@contract("https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html")
def test_the_same_client_token_launches_once(aws: Aws) -> None:
    """A repeated request with the same ClientToken returns the first launch; also after it was terminated."""
    first = aws.launch(ClientToken="launch-1")
    assert aws.launch(ClientToken="launch-1")["InstanceId"] == first["InstanceId"]
    aws("ec2").terminate_instances(InstanceIds=[first["InstanceId"]])
    aws.until(first["InstanceId"], "terminated")
    again = aws.launch(ClientToken="launch-1")
    assert (again["InstanceId"], again["State"]["Name"]) == (first["InstanceId"], "terminated")


@contract("https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html")
def test_a_client_token_with_other_parameters_is_a_mismatch(aws: Aws) -> None:
    """The same token with one changed parameter is IdempotentParameterMismatch, and launches nothing."""
    aws.launch(ClientToken="launch-1")
    code, status, _ = refusal(aws.launch, ClientToken="launch-1", UserData="other")
    assert (code, status) == ("IdempotentParameterMismatch", 400)
    assert len(aws("ec2").describe_instances()["Reservations"]) == 1


@contract(API + "DescribeInstances.html")
def test_instances_are_found_by_their_client_token(aws: Aws) -> None:
    """The `client-token` filter finds what a killed launcher started."""
    instance = aws.launch(ClientToken="launch-1")
    aws.launch(ClientToken="launch-2")
    found = aws("ec2").describe_instances(Filters=[{"Name": "client-token", "Values": ["launch-1"]}])["Reservations"]
    assert [one["InstanceId"] for row in found for one in row["Instances"]] == [instance["InstanceId"]]


@contract(API + "RunInstances.html")
def test_max_count_is_how_many_are_launched(aws: Aws) -> None:
    """One reservation holds MaxCount instances, numbered."""
    wish = {"ImageId": aws.ubuntu(), "InstanceType": "t2.micro", "MinCount": 1, "MaxCount": 3}
    made = aws("ec2").run_instances(**wish)["Instances"]
    assert [one["AmiLaunchIndex"] for one in made] == [0, 1, 2]
    assert refusal(aws("ec2").run_instances, **{**wish, "MinCount": 4})[0] == "InvalidParameterCombination"


@contract(ERRORS)
def test_a_type_the_zone_does_not_offer_names_the_zones_that_do(aws: Aws) -> None:
    """P2 in us-west-2d is Unsupported, and the message holds the zones to choose."""
    code, _, message = refusal(aws.launch, InstanceType="p2.xlarge", Placement={"AvailabilityZone": "us-west-2d"})
    assert code == "Unsupported"
    assert "choosing us-west-2a, us-west-2b, us-west-2c." in message


@contract(UNCONFIRMED)
def test_a_type_the_region_does_not_offer_is_unsupported(aws: Aws) -> None:
    """P2 in eu-west-1, where AWS retired it, is Unsupported."""
    assert refusal(aws.launch, region="eu-west-1", InstanceType="p2.xlarge")[0] == "Unsupported"


@contract(UNCONFIRMED)
def test_another_accounts_private_image_cannot_be_launched(aws: Aws) -> None:
    """An image of somebody else that was not shared is not seen and not launched."""
    from jupyter_awsgpu.demo.aws.images import SOURCES

    image = next(one for one in SOURCES if not one.public).image_id("us-west-2")
    assert refusal(aws.launch, ImageId=image)[0] == "AuthFailure"
    assert refusal(aws("ec2").describe_images, ImageIds=[image])[0] == "InvalidAMIID.NotFound"


@contract(API + "RunInstances.html")
def test_tags_reach_everything_the_launch_makes(aws: Aws) -> None:
    """One RunInstances call tags instance, volume, interface and spot request."""
    kinds = ("instance", "volume", "network-interface", "spot-instances-request")
    tags = [{"ResourceType": kind, "Tags": [{"Key": "made-by", "Value": kind}]} for kind in kinds]
    instance = aws.running(TagSpecifications=tags, InstanceMarketOptions={"MarketType": "spot"})
    ec2 = aws("ec2")
    nic = instance["NetworkInterfaces"][0]["NetworkInterfaceId"]
    volume = instance["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    things = [instance["InstanceId"], volume, nic, instance["SpotInstanceRequestId"]]
    rows = ec2.describe_tags(
        Filters=[{"Name": "resource-id", "Values": things}, {"Name": "key", "Values": ["made-by"]}]
    )
    assert sorted(row["Value"] for row in rows["Tags"]) == sorted(kinds)


@contract(GUIDE + "block-device-mapping-concepts.html")
def test_the_root_disk_is_as_wished_and_as_large_as_the_image_else(aws: Aws) -> None:
    """A wished root of 40 GB encrypted gp3 is made so; without a wish it has the image's size."""
    wish = {"VolumeSize": 40, "VolumeType": "gp3", "Encrypted": True, "DeleteOnTermination": True}
    wished = aws.launch(BlockDeviceMappings=[{"DeviceName": "/dev/sda1", "Ebs": wish}])
    plain = aws.launch()
    disks = {one["Attachments"][0]["InstanceId"]: one for one in aws("ec2").describe_volumes()["Volumes"]}
    disk = disks[wished["InstanceId"]]
    assert (disk["Size"], disk["VolumeType"], disk["Encrypted"]) == (40, "gp3", True)
    assert disks[plain["InstanceId"]]["Size"] == 8


@contract(API + "DescribeInstanceAttribute.html")
def test_user_data_is_kept_as_given(aws: Aws) -> None:
    """What was given as user data is what the attribute holds, byte for byte."""
    instance = aws.launch(UserData=b"\x1f\x8b\x08\x00raw")
    kept = aws("ec2").describe_instance_attribute(InstanceId=instance["InstanceId"], Attribute="userData")
    assert base64.b64decode(kept["UserData"]["Value"]) == b"\x1f\x8b\x08\x00raw"


@contract(ERRORS)
def test_without_a_default_vpc_the_refusal_says_so(aws: Aws) -> None:
    """A region without default VPC refuses a launch that names no subnet."""
    ec2 = aws("ec2", "eu-west-2")
    vpc = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
    for subnet in ec2.describe_subnets()["Subnets"]:
        ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    ec2.delete_vpc(VpcId=vpc)
    assert refusal(aws.launch, region="eu-west-2")[0] in ("VPCIdNotSpecified", "MissingInput")


@contract(UNCONFIRMED)
def test_the_free_plan_refuses_what_is_not_in_the_free_tier(aws: Aws) -> None:
    """On the Free plan g4dn.xlarge is InvalidParameterCombination, t3.micro is not."""
    aws.ask("settings", {"free_plan": True})
    code, _, message = refusal(aws.launch, InstanceType="g4dn.xlarge")
    assert (code, "not eligible for Free Tier" in message) == ("InvalidParameterCombination", True)
    assert aws.launch(InstanceType="t3.micro")["State"]["Name"] == "pending"
