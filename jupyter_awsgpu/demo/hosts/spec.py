"""What the API side of the simulated AWS says about one instance to the fleet of hosts.

Plain values only: this module is the seam between `demo/aws` and `demo/hosts`, so it imports
neither. A spec travels to the host's own process as JSON.
"""

from __future__ import annotations

import base64
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple


class HostAddress(NamedTuple):
    """Where a booted host's SSH answers."""

    address: str
    port: int


@dataclass(frozen=True, slots=True)
class HostSpec:
    """One instance to boot.

    `user` is the image's default user and `authorized_keys` the key pair's public halves, in
    OpenSSH's one-line form. `user_data` is as AWS hands it to the instance (base64 removed, gzip
    kept). `image` has at least `kind` ("dlami", "dlami-pytorch", "ubuntu", …) and, where the image
    carries them, `driver` (version) and `python` (where its interpreter lies). `gpu` may stay
    `None`: the fleet knows the GPUs of the instance types (`gpu.gpus_of`). `folder` is the
    instance's own and is its disk: kept over stop and start, removed at terminate. `image_folder`
    is a folder `HostFleet.make_image` wrote. `port` 0 asks for a free one. Hosts of one `vpc` reach each
    other by `private_address`; `network` is the VPC's block, in CIDR form.
    """

    instance_id: str
    user: str
    authorized_keys: tuple[str, ...]
    user_data: bytes
    instance_type: str
    folder: Path
    gpu: dict[str, Any] | None = None
    image: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    private_address: str = "172.31.0.10"
    network: str = "172.31.0.0/16"
    vpc: str = ""
    address: str = "127.0.0.1"
    port: int = 0
    disk_gb: int = 8
    image_folder: Path | None = None
    region: str = "us-west-2"
    zone: str = "us-west-2a"
    account: str = "123456789012"
    image_id: str = "ami-00000000000000000"
    lifecycle: str = "on-demand"
    launch_index: int = 0

    def to_json(self) -> str:
        """Return the spec as one JSON document, the user data in base64."""
        document = asdict(self)
        document["user_data"] = base64.b64encode(self.user_data).decode()
        document["folder"] = str(self.folder)
        document["image_folder"] = str(self.image_folder) if self.image_folder else None
        return json.dumps(document)

    @classmethod
    def from_json(cls, text: str) -> HostSpec:
        """Read what `to_json` wrote."""
        document = json.loads(text)
        document["user_data"] = base64.b64decode(document["user_data"])
        document["folder"] = Path(document["folder"])
        document["image_folder"] = Path(document["image_folder"]) if document["image_folder"] else None
        document["authorized_keys"] = tuple(document["authorized_keys"])
        return cls(**document)
