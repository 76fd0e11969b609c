"""The images of the simulated AWS: true names, owners, minimum sizes and users, in every region.

Names and sources: Canonical's and AWS's public SSM parameters as their documents and public code
spell them (`/aws/service/canonical/ubuntu/…`, `/aws/service/deeplearning/ami/…`); sizes: plain
Ubuntu 8 GB, the PyTorch image 75 GB (from the error text of a smaller launch); the sizes of the
other Deep Learning images are unconfirmed. Ids are per region, as AWS's are.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

CANONICAL = "099720109477"
AMAZON = "898082745236"
AMAZON_LINUX = "137112412989"
DEBIAN = "136693071363"
MARKETPLACE = "679593333241"
STRANGER = "210987654321"
DLAMI_PATH = "/aws/service/deeplearning/ami"
CANONICAL_PATH = "/aws/service/canonical/ubuntu/server"


@dataclass(frozen=True)
class Source:
    """One public image, the same in every region but for its id."""

    name: str
    parameter: str
    owner: str
    root_gb: int
    created: datetime
    os: str
    user: str = "ubuntu"
    root_device: str = "/dev/sda1"
    architecture: str = "x86_64"
    description: str = ""
    kind: str = "linux"
    historical: bool = False
    driver: str | None = None
    cuda: str | None = None
    python: str = "/usr/bin/python3"
    public: bool = True
    platform_details: str = "Linux/UNIX"
    usage_operation: str = "RunInstances"
    product_codes: tuple[str, ...] = ()

    def image_id(self, region: str) -> str:
        """Return the id in a region: stable, and no two regions share one."""
        return "ami-" + hashlib.sha256(f"{region} {self.name}".encode()).hexdigest()[:17]

    def facts(self) -> dict[str, Any]:
        """Return what a host standing for an instance of this image must know."""
        return {**asdict(self), "created": self.created.isoformat(), "nvidia_smi": self.driver is not None}


def _day(text: str) -> datetime:
    return datetime.strptime(text, "%Y%m%d").replace(tzinfo=UTC)


def _ubuntu(release: str, word: str, serial: str, volume: str, arch: str = "amd64") -> Source:
    folder = "hvm-ssd-gp3" if volume == "ebs-gp3" else "hvm-ssd"
    return Source(
        name=f"ubuntu/images/{folder}/ubuntu-{word}-{release}-{arch}-server-{serial}",
        parameter=f"{CANONICAL_PATH}/{release}/stable/current/{arch}/hvm/{volume}/ami-id",
        owner=CANONICAL,
        root_gb=8,
        created=_day(serial),
        os=f"ubuntu-{release}",
        architecture="arm64" if arch == "arm64" else "x86_64",
        description=f"Canonical, Ubuntu, {release}, {arch} {word} image",
        kind="ubuntu",
    )


def _dlami(line: str, name: str, serial: str, root_gb: int, driver: str, **more: Any) -> Source:
    arm = name.startswith("Deep Learning ARM64")
    return Source(
        name=f"{name} {serial}",
        parameter=f"{DLAMI_PATH}/{'arm64' if arm else 'x86_64'}/{line}/latest/ami-id",
        owner=AMAZON,
        root_gb=root_gb,
        created=_day(serial),
        os=more.pop("os", "ubuntu-" + line[-5:]),
        architecture="arm64" if arm else "x86_64",
        description=more.pop(
            "description", f"Deep Learning image with NVIDIA driver {driver} (supports G4dn and newer)"
        ),
        kind=more.pop("kind", "dlami"),
        driver=driver,
        **more,
    )


def _pytorch(version: str, os: str, serial: str, driver: str) -> Source:
    word = {"amazon-linux-2023": "Amazon Linux 2023"}.get(os, os.replace("ubuntu-", "Ubuntu "))
    linux: dict[str, Any] = {"user": "ec2-user", "root_device": "/dev/xvda"} if os.startswith("amazon") else {}
    return _dlami(
        f"oss-nvidia-driver-gpu-pytorch-{version}-{os}",
        f"Deep Learning OSS Nvidia Driver AMI GPU PyTorch {version} ({word})",
        serial,
        75,
        driver,
        kind="dlami-pytorch",
        cuda="13.0",
        python="/opt/pytorch/bin/python",
        os=os,
        **linux,
    )


HISTORICAL_PARAMETER = f"{DLAMI_PATH}/x86_64/historical-nvidia-driver-470-gpu-ubuntu-20.04/latest/ami-id"
"""The simulated AWS's own name: AWS itself no longer publishes an image for the K80."""

_LINUX: dict[str, Any] = {"user": "ec2-user", "root_device": "/dev/xvda", "os": "amazon-linux-2023"}
_BASE_CUDA = "13.2"

SOURCES = (
    _ubuntu("26.04", "resolute", "20261015", "ebs-gp3"),
    _ubuntu("24.04", "noble", "20261021", "ebs-gp3"),
    _ubuntu("22.04", "jammy", "20261012", "ebs-gp2"),
    _ubuntu("24.04", "noble", "20261021", "ebs-gp3", "arm64"),
    _dlami(
        "base-oss-nvidia-driver-gpu-ubuntu-24.04",
        "Deep Learning Base OSS Nvidia Driver GPU AMI (Ubuntu 24.04)",
        "20261008",
        65,
        "595.91.07",
        cuda=_BASE_CUDA,
    ),
    _dlami(
        "base-oss-nvidia-driver-gpu-ubuntu-22.04",
        "Deep Learning Base OSS Nvidia Driver GPU AMI (Ubuntu 22.04)",
        "20261009",
        65,
        "595.91.07",
        cuda=_BASE_CUDA,
    ),
    _dlami(
        "base-with-single-cuda-ubuntu-24.04",
        "Deep Learning Base AMI with Single CUDA (Ubuntu 24.04)",
        "20261002",
        45,
        "580.126.16",
        cuda="13.0",
    ),
    _dlami(
        "base-with-single-cuda-ubuntu-22.04",
        "Deep Learning Base AMI with Single CUDA (Ubuntu 22.04)",
        "20261002",
        45,
        "580.105.08",
        cuda="13.0",
    ),
    _dlami(
        "base-with-single-cuda-amazon-linux-2023",
        "Deep Learning Base AMI with Single CUDA (Amazon Linux 2023)",
        "20261002",
        45,
        "580.126.16",
        cuda="13.0",
        **_LINUX,
    ),
    _dlami(
        "base-oss-nvidia-driver-gpu-ubuntu-24.04",
        "Deep Learning ARM64 Base OSS Nvidia Driver GPU AMI (Ubuntu 24.04)",
        "20261008",
        65,
        "595.91.07",
        cuda=_BASE_CUDA,
    ),
    _pytorch("2.13", "ubuntu-26.04", "20261015", "595.91.07"),
    _pytorch("2.12", "ubuntu-24.04", "20260827", "595.91.07"),
    _pytorch("2.11", "amazon-linux-2023", "20260907", "595.91.07"),
    _pytorch("2.10", "ubuntu-24.04", "20260420", "580.126.16"),
    _pytorch("2.9", "ubuntu-24.04", "20260320", "580.126.09"),
    Source(
        name="Deep Learning AMI GPU CUDA 11.4 (Ubuntu 20.04) 20221004 - historical",
        parameter=HISTORICAL_PARAMETER,
        owner=AMAZON,
        root_gb=40,
        created=_day("20221004"),
        os="ubuntu-20.04",
        description="Historical Deep Learning image, kept by the simulated AWS alone: NVIDIA driver 470.256.02 (R470), "
        "the last branch for Kepler GPUs (K80 of P2); also for P3 and G4dn; CUDA 11.4; user ubuntu",
        kind="dlami",
        historical=True,
        driver="470.256.02",
        cuda="11.4",
    ),
    Source(
        name="al2023-ami-2023.9.20261019.0-kernel-6.12-x86_64",
        parameter="/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64",
        owner=AMAZON_LINUX,
        root_gb=8,
        created=_day("20261019"),
        description="Amazon Linux 2023 AMI",
        **_LINUX,
    ),
    Source(
        name="debian-13-amd64-20261012-2263",
        parameter="/aws/service/debian/release/13/latest/amd64",
        owner=DEBIAN,
        root_gb=8,
        created=_day("20261012"),
        os="debian-13",
        user="admin",
        root_device="/dev/xvda",
        description="Debian 13 (20261012-2263)",
    ),
    Source(
        name="ubuntu-pro-server/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-pro-server-20261021",
        parameter="/aws/service/canonical/ubuntu/pro-server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id",
        owner=CANONICAL,
        root_gb=8,
        created=_day("20261021"),
        os="ubuntu-24.04",
        description="Canonical, Ubuntu Pro Server, 24.04, amd64 noble image",
        kind="ubuntu",
        platform_details="Ubuntu Pro Linux",
        usage_operation="RunInstances:0g00",
    ),
    Source(
        name="NVIDIA GPU-Optimized AMI 26.10.1",
        parameter="",
        owner=MARKETPLACE,
        root_gb=32,
        created=_day("20261010"),
        os="ubuntu-24.04",
        description="A product of the Marketplace on Ubuntu",
        product_codes=("6rx1gjkm1q3cc0dxx5mjsu0fv",),
    ),
    Source(
        name="somebody-elses-private-image",
        parameter="",
        owner=STRANGER,
        root_gb=20,
        created=_day("20260101"),
        os="ubuntu-24.04",
        public=False,
    ),
)


def parameters(region: str) -> dict[str, tuple[str, datetime]]:
    """Return the region's public SSM parameters: name → (image id, when it was last changed)."""
    return {source.parameter: (source.image_id(region), source.created) for source in SOURCES if source.parameter}
