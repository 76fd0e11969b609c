"""Images and instance types: what is public, what one makes of an instance, what a region offers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.behaviour.demo.aws_clients import UBUNTU, Aws, refusal
from tests.behaviour.demo.aws_contract import API, EBS, ERRORS, GUIDE, UNCONFIRMED, contract

DLAMI = "/aws/service/deeplearning/ami/x86_64"
CANONICAL_DOC = "https://documentation.ubuntu.com/aws/en/latest/aws-how-to/instances/find-ubuntu-images/"
DLAMI_DOC = "https://docs.aws.amazon.com/dlami/latest/devguide/find-dlami-id.html"


def image_of(aws: Aws, parameter: str, region: str = "us-west-2") -> dict[str, Any]:
    """Return the image a public parameter names."""
    image_id = aws("ssm", region).get_parameter(Name=parameter)["Parameter"]["Value"]
    image: dict[str, Any] = aws("ec2", region).describe_images(ImageIds=[image_id])["Images"][0]
    return image


@contract(CANONICAL_DOC)
@pytest.mark.parametrize(("release", "volume"), [("26.04", "gp3"), ("24.04", "gp3"), ("22.04", "gp2")])
def test_canonicals_parameters_name_their_images(either: Aws, release: str, volume: str) -> None:
    """Ubuntu's public parameter leads to Canonical's image with its true root."""
    image = image_of(
        either, f"/aws/service/canonical/ubuntu/server/{release}/stable/current/amd64/hvm/ebs-{volume}/ami-id"
    )
    assert (image["OwnerId"], image["RootDeviceName"], image["Architecture"]) == ("099720109477", "/dev/sda1", "x86_64")
    assert image["BlockDeviceMappings"][0]["Ebs"]["VolumeSize"] == 8


@contract(DLAMI_DOC)
def test_the_deep_learning_images_are_listed_by_path(either: Aws) -> None:
    """GetParametersByPath pages through the Deep Learning images; each names an image of AWS's own."""
    pages = either("ssm").get_paginator("get_parameters_by_path").paginate(Path=DLAMI, Recursive=True)
    names = {one["Name"] for page in pages for one in page["Parameters"]}
    for line in ("base-oss-nvidia-driver-gpu-ubuntu-24.04", "base-with-single-cuda-ubuntu-24.04"):
        assert f"{DLAMI}/{line}/latest/ami-id" in names
    image = image_of(either, f"{DLAMI}/base-oss-nvidia-driver-gpu-ubuntu-24.04/latest/ami-id")
    assert image["OwnerId"] == "898082745236"
    assert image["Name"].startswith("Deep Learning Base OSS Nvidia Driver GPU AMI (Ubuntu 24.04) 2026")


@contract(UNCONFIRMED)
def test_the_pytorch_image_needs_75_gb(aws: Aws) -> None:
    """A PyTorch image on 40 GB is refused with the size it needs; on 75 GB it launches."""
    image = image_of(aws, f"{DLAMI}/oss-nvidia-driver-gpu-pytorch-2.12-ubuntu-24.04/latest/ami-id")
    disk = {"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 40}}
    code, _, message = refusal(aws.launch, ImageId=image["ImageId"], BlockDeviceMappings=[disk])
    assert (code, "expect size >= 75GB" in message) == ("InvalidBlockDeviceMapping", True)
    disk["Ebs"] = {"VolumeSize": 75}
    aws.launch(ImageId=image["ImageId"], BlockDeviceMappings=[disk])


@contract(UNCONFIRMED)
def test_an_image_for_the_k80_is_kept_and_marked_historical(aws: Aws) -> None:
    """The simulated AWS alone keeps an image with driver R470, for P2, and says so in name and description."""
    wish = [{"Name": "name", "Values": ["Deep Learning*historical"]}]
    (image,) = aws("ec2").describe_images(Owners=["amazon"], Filters=wish)["Images"]
    assert "R470" in image["Description"]
    assert "K80" in image["Description"]
    assert image["BlockDeviceMappings"][0]["Ebs"]["VolumeSize"] == 40


@contract(GUIDE + "billing-info-fields.html")
def test_an_image_says_how_it_is_billed(aws: Aws) -> None:
    """Plain Linux costs nothing beside the instance; other systems and Marketplace products are named, also later."""
    plain = image_of(aws, UBUNTU)
    assert (plain["PlatformDetails"], plain["UsageOperation"]) == ("Linux/UNIX", "RunInstances")
    assert not plain.get("ProductCodes")
    pro = image_of(aws, UBUNTU.replace("/server/", "/pro-server/"))
    assert (pro["PlatformDetails"], pro["UsageOperation"]) == ("Ubuntu Pro Linux", "RunInstances:0g00")
    ec2, wish = aws("ec2"), [{"Name": "name", "Values": ["NVIDIA GPU-Optimized AMI*"]}]
    (product,) = ec2.describe_images(Filters=wish)["Images"]
    assert [one["ProductCodeType"] for one in product["ProductCodes"]] == ["marketplace"]
    made = ec2.create_image(InstanceId=aws.running(ImageId=product["ImageId"])["InstanceId"], Name="mine")["ImageId"]
    assert ec2.describe_images(ImageIds=[made])["Images"][0]["ProductCodes"] == product["ProductCodes"]


@contract(API + "DescribeImages.html")
def test_image_ids_differ_by_region(aws: Aws) -> None:
    """The same image has another id elsewhere, and the one from here is unknown there."""
    here, there = aws.ubuntu("us-west-2"), aws.ubuntu("eu-west-1")
    assert here != there
    assert refusal(aws("ec2", "eu-west-1").describe_images, ImageIds=[here])[0] == "InvalidAMIID.NotFound"


@contract("https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html")
def test_an_unknown_public_parameter_is_not_found(either: Aws) -> None:
    """A line AWS does not publish is ParameterNotFound."""
    assert refusal(either("ssm").get_parameter, Name=UBUNTU.replace("24.04", "1.04"))[0] == "ParameterNotFound"


@contract(API + "CreateImage.html")
def test_an_image_of_an_instance_is_pending_then_available_with_true_snapshots(aws: Aws) -> None:
    """The image has the instance's disks; its snapshots make progress; tags reach image and snapshots."""
    ec2 = aws("ec2")
    aws.ask("settings", {"image_s": 0.6})
    disk = {"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 40, "VolumeType": "gp3"}}
    instance = aws.running(BlockDeviceMappings=[disk])
    tags = [{"ResourceType": kind, "Tags": [{"Key": "k", "Value": kind}]} for kind in ("image", "snapshot")]
    image_id = ec2.create_image(InstanceId=instance["InstanceId"], Name="mine", TagSpecifications=tags)["ImageId"]
    image = ec2.describe_images(ImageIds=[image_id])["Images"][0]
    ebs = image["BlockDeviceMappings"][0]["Ebs"]
    assert (image["State"], ebs["VolumeSize"], image["Tags"]) == ("pending", 40, [{"Key": "k", "Value": "image"}])
    snapshot = ec2.describe_snapshots(SnapshotIds=[ebs["SnapshotId"]])["Snapshots"][0]
    assert (snapshot["State"], snapshot["Tags"]) == ("pending", [{"Key": "k", "Value": "snapshot"}])
    assert 0 <= int(snapshot["Progress"].rstrip("%")) < 100
    assert refusal(aws.launch, ImageId=image_id)[0] == "InvalidAMIID.Unavailable"
    ec2.get_waiter("image_available").wait(ImageIds=[image_id], WaiterConfig={"Delay": 0.1, "MaxAttempts": 100})
    assert ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"][0]["Progress"] == "100%"
    assert aws.running(ImageId=image_id)["ImageId"] == image_id


@contract(ERRORS)
def test_an_images_name_is_used_once(aws: Aws) -> None:
    """A second image of the same name is InvalidAMIName.Duplicate, and names the first."""
    ec2, instance_id = aws("ec2"), aws.running()["InstanceId"]
    ec2.create_image(InstanceId=instance_id, Name="mine")
    code, _, message = refusal(ec2.create_image, InstanceId=instance_id, Name="mine")
    assert (code, "already in use by AMI ami-" in message) == ("InvalidAMIName.Duplicate", True)


@contract(API + "CopyImage.html")
def test_a_copy_in_another_region_launches_there(aws: Aws) -> None:
    """CopyImage gives a new id with snapshots of its own in the other region."""
    ec2, far = aws("ec2"), aws("ec2", "ap-northeast-1")
    image_id = ec2.create_image(InstanceId=aws.running()["InstanceId"], Name="mine")["ImageId"]
    early = refusal(far.copy_image, SourceImageId=image_id, SourceRegion="us-west-2", Name="copy")
    assert early[0] == "InvalidAMIID.Unavailable"
    ec2.get_waiter("image_available").wait(ImageIds=[image_id], WaiterConfig={"Delay": 0.1, "MaxAttempts": 100})
    copy = far.copy_image(SourceImageId=image_id, SourceRegion="us-west-2", Name="copy")["ImageId"]
    far.get_waiter("image_available").wait(ImageIds=[copy], WaiterConfig={"Delay": 0.1, "MaxAttempts": 100})
    assert aws.launch(region="ap-northeast-1", ImageId=copy)["ImageId"] == copy != image_id


@contract(API + "DeregisterImage.html")
def test_deregistering_leaves_the_snapshots_and_they_go_only_then(aws: Aws) -> None:
    """A snapshot in use by an image stays; after deregistration it costs on until it is deleted."""
    ec2 = aws("ec2")
    image_id = ec2.create_image(InstanceId=aws.running()["InstanceId"], Name="mine")["ImageId"]
    snapshot = ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"][0]["SnapshotId"]
    assert refusal(ec2.delete_snapshot, SnapshotId=snapshot)[0] == "InvalidSnapshot.InUse"
    ec2.deregister_image(ImageId=image_id)
    assert refusal(ec2.describe_images, ImageIds=[image_id])[0] == "InvalidAMIID.NotFound"
    assert [row["id"] for row in aws.ask("ledger")["resources"] if row["kind"] == "snapshot"] == [snapshot]
    ec2.delete_snapshot(SnapshotId=snapshot)
    assert refusal(ec2.describe_snapshots, SnapshotIds=[snapshot])[0] == "InvalidSnapshot.NotFound"
    assert refusal(ec2.deregister_image, ImageId=aws.ubuntu())[0] == "AuthFailure"


@contract(EBS + "ebs-creating-snapshot.html")
def test_a_snapshot_keeps_the_size_it_was_made_at(aws: Aws) -> None:
    """Growing a volume later does not change its snapshots."""
    ec2, instance = aws("ec2"), aws.running()
    volume = instance["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    snapshot = ec2.create_snapshot(VolumeId=volume)
    assert snapshot["State"] == "pending"
    ec2.modify_volume(VolumeId=volume, Size=20)
    assert ec2.describe_snapshots(SnapshotIds=[snapshot["SnapshotId"]])["Snapshots"][0]["VolumeSize"] == 8
    waits = {"Delay": 0.05, "MaxAttempts": 100}
    ec2.get_waiter("snapshot_completed").wait(SnapshotIds=[snapshot["SnapshotId"]], WaiterConfig=waits)


@contract(API + "DescribeInstanceTypes.html")
@pytest.mark.parametrize(
    ("itype", "vcpus", "gpu", "count", "memory"),
    [
        ("p2.xlarge", 4, "K80", 1, 12288),
        ("p2.16xlarge", 64, "K80", 16, 12288),
        ("p3.2xlarge", 8, "V100", 1, 16384),
        ("g4dn.xlarge", 4, "T4", 1, 16384),
        ("g5.xlarge", 4, "A10G", 1, 22888),
    ],
)
def test_gpu_types_are_described(aws: Aws, itype: str, vcpus: int, gpu: str, count: int, memory: int) -> None:
    """VCPUs and GPUs of a type, those of the tutorial's day among them."""
    (one,) = aws("ec2").describe_instance_types(InstanceTypes=[itype])["InstanceTypes"]
    (device,) = one["GpuInfo"]["Gpus"]
    assert one["VCpuInfo"]["DefaultVCpus"] == vcpus
    assert (device["Name"], device["Count"], device["MemoryInfo"]["SizeInMiB"]) == (gpu, count, memory)


@contract(API + "DescribeInstanceTypeOfferings.html")
@pytest.mark.parametrize(
    ("region", "zones"),
    [("us-west-2", 3), ("ap-northeast-1", 3), ("ap-southeast-1", 3), ("us-east-1", 0), ("eu-west-1", 0)],
)
def test_p2_is_offered_in_three_regions_only(aws: Aws, region: str, zones: int) -> None:
    """Oregon, Tokyo and Singapore offer P2, in some of their zones; elsewhere the type does not exist."""
    ec2 = aws("ec2", region)
    wish = [{"Name": "instance-type", "Values": ["p2.xlarge"]}]
    rows = ec2.describe_instance_type_offerings(LocationType="availability-zone", Filters=wish)["InstanceTypeOfferings"]
    assert len(rows) == zones
    if not zones:
        assert refusal(ec2.describe_instance_types, InstanceTypes=["p2.xlarge"])[0] == "InvalidInstanceType"


@contract(API + "DescribeInstanceTypes.html")
def test_all_types_come_in_pages(either: Aws) -> None:
    """The paginator brings every type of the region once."""
    pages = list(either("ec2").get_paginator("describe_instance_types").paginate())
    names = [one["InstanceType"] for page in pages for one in page["InstanceTypes"]]
    assert len(pages) > 1
    assert len(names) == len(set(names)) > 300
