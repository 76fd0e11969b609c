"""Which image a wish means, and which GPU it serves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_awsgpu.cloud import catalogue, image_lines
from jupyter_awsgpu.cloud.images import described
from jupyter_awsgpu.model import Image, InstanceType


def itype(name: str) -> InstanceType:
    """Return a type of the catalogue."""
    found = catalogue.instance_type(name)
    assert found is not None
    return found


def image(kind: str, *, historical: bool = False, architecture: str = "x86_64") -> Image:
    """Return an image of a kind."""
    return Image("ami-1", kind, "us-west-2", kind, "ubuntu", "/dev/sda1", 40, architecture, historical=historical)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "wish"),
    [
        ("p2.xlarge", "dlami"),
        ("g3.4xlarge", "ubuntu"),
        ("p3.2xlarge", "ubuntu"),
        ("p3dn.24xlarge", "ubuntu"),
        ("g4dn.xlarge", "dlami"),
        ("g5g.xlarge", "dlami"),
        ("p6-b200.48xlarge", "dlami"),
        ("g4ad.xlarge", "ubuntu"),
        ("inf2.xlarge", "ubuntu"),
        ("t2.micro", "ubuntu"),
    ],
)
def test_the_default_image_serves_the_gpu(name: str, wish: str) -> None:
    """The Deep Learning image where it has a driver for the GPU, plain Ubuntu where ours is to be set up."""
    assert image_lines.default_wish(itype(name)) == wish


@pytest.mark.parametrize(
    ("kind", "historical", "name", "fits"),
    [
        ("dlami", False, "g4dn.xlarge", True),
        ("dlami", False, "p3.2xlarge", False),
        ("dlami", False, "p2.xlarge", False),
        ("dlami", True, "p2.xlarge", True),
        ("dlami", True, "g5.xlarge", True),
        ("dlami", True, "g6.xlarge", False),
        ("dlami", False, "inf2.xlarge", False),
        ("dlami", False, "t2.micro", True),
        ("ubuntu", False, "p3.2xlarge", True),
        ("own", False, "p2.xlarge", True),
        ("dlami", False, "g5g.xlarge", False),
    ],
)
def test_an_image_suits_a_type_or_says_why_not(kind: str, historical: bool, name: str, fits: bool) -> None:
    """Driver and architecture decide; one's own image is trusted on its driver."""
    assert (image_lines.unsuitable(image(kind, historical=historical), itype(name)) == "") is fits


def test_only_kepler_needs_an_image_of_the_past() -> None:
    """Every other GPU has a driver on a supported system."""
    old = {name for name in catalogue.type_names() if image_lines.needs_historical(itype(name))}
    assert old == {"p2.xlarge", "p2.8xlarge", "p2.16xlarge"}


@given(
    st.sampled_from(["dlami", "ubuntu", "ubuntu-22.04", "ubuntu-26.04", "historical"]),
    st.sampled_from(["x86_64", "arm64"]),
)
def test_a_wish_is_one_question_of_at_most_ten_parameters(wish: str, architecture: str) -> None:
    """GetParameters takes ten names."""
    names = image_lines.parameters(wish, architecture)
    assert 0 < len(names) <= 10
    assert len(set(names)) == len(names)


def test_old_ubuntu_is_looked_for_on_both_disk_kinds() -> None:
    """Canonical publishes gp3 roots since 23.10; public code uses both for 22.04."""
    names = image_lines.parameters("ubuntu-22.04", "x86_64")
    assert [name.split("/")[-2] for name in names] == ["ebs-gp3", "ebs-gp2"]


@given(st.permutations(["2.9-ubuntu-24.04", "2.12-ubuntu-24.04", "2.13-ubuntu-26.04", "2.6.0-ubuntu-22.04"]))
def test_the_newest_pytorch_is_the_highest_version_not_the_last_text(lines: list[str]) -> None:
    """2.13 is newer than 2.9, in whatever order AWS lists them."""
    names = [
        f"/aws/service/deeplearning/ami/x86_64/oss-nvidia-driver-gpu-pytorch-{line}/latest/ami-id" for line in lines
    ]
    newest = image_lines.newest_pytorch(names)
    assert newest is not None
    assert "2.13-ubuntu-26.04" in newest


def test_an_image_of_ours_keeps_its_name_user_and_sizes() -> None:
    """Everything a launch must know is read from the description and the tags."""
    one = described(
        {
            "ImageId": "ami-9",
            "Name": "raw name",
            "RootDeviceName": "/dev/xvda",
            "Architecture": "arm64",
            "CreationDate": "2026-11-20T08:15:02.000Z",
            "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 77, "SnapshotId": "snap-1"}}],
            "Tags": [
                {"Key": "jupyter-awsgpu:name", "Value": "mine"},
                {"Key": "jupyter-awsgpu:user", "Value": "ec2-user"},
            ],
        },
        "us-west-2",
        kind="own",
    )
    assert (one.name, one.user, one.root_gb, one.snapshot_ids) == ("mine", "ec2-user", 77, ("snap-1",))
    assert one.created is not None
    assert one.architecture == "arm64"
