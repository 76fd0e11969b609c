"""The simulated account as the tests of `cloud/` use it: its control plane, and what a launch needs."""

from __future__ import annotations

import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.cloud import Cloud, Clouds
from jupyter_awsgpu.demo import client
from jupyter_awsgpu.model import Image, InstanceType, Wishes
from jupyter_awsgpu.records import FactCache

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_awsgpu.cloud.session import Session
    from jupyter_awsgpu.demo.client import DemoStatus

REGION = "us-west-2"
PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMPkccS+SKCuXI52hWq4A5ZzNU7i05ySyEFT1WWT0Vu7"
OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGEi3IO1mcYB/1a3UxFSmIjOSIk7khRVBwRQ6Zvu2cYD"

SESSIONS: dict[str, Session] = {}


@dataclass(frozen=True)
class Aws:
    """The simulated AWS's control plane, as tests use it."""

    status: DemoStatus
    first_call: int = 0

    def fail(self, operation: str, code: str | None = None, **more: Any) -> None:
        """Open a tap: the next call (or `times` of them) of the operation answers with the code."""
        client.ask(self.status, "faults", {"operation": operation, "code": code, **more})

    def mend(self) -> None:
        """Close every tap."""
        asked = urllib.request.Request(f"{self.status.endpoint}/_awsgpu/faults", method="DELETE")  # noqa: S310 - our own
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(asked, timeout=30).close()

    def set(self, **settings: float | bool) -> None:
        """Change delays, latency or the account's plan."""
        client.ask(self.status, "settings", dict(settings))

    def calls(self) -> list[dict[str, Any]]:
        """Return the log of calls since the test began."""
        found: list[dict[str, Any]] = client.ask(self.status, f"calls?since={self.first_call}")
        return found

    def operations(self) -> list[str]:
        """Return the operations called since the test began, in order."""
        return [str(call["operation"]) for call in self.calls()]

    def quota(self, code: str, value: float, region: str = REGION) -> None:
        """Set a quota."""
        client.ask(self.status, "quota", {"region": region, "code": code, "value": value})

    def room(self, itype: str, room: int | None) -> None:
        """Say how many instances of a type each zone holds; None makes it endless again."""
        client.ask(self.status, "capacity", {"instance_type": itype, "room": room})


def new_clouds(aws: Aws, cache: Path, region: str | None = REGION, address_url: str | None = None) -> Clouds:
    """Return a client as another process would have it, with the facts in `cache`, seen where that page says."""
    status = aws.status
    clouds = Clouds(
        region=region,
        endpoint=status.endpoint,
        credentials=(status.access_key_id, status.secret_access_key),
        address_url=address_url or f"{status.endpoint}/_awsgpu/address",
        cache=FactCache(cache),
        demo=True,
    )
    clouds.session = SESSIONS.setdefault(status.endpoint, clouds.session)  # its clients cost more than the calls
    return clouds


@dataclass(frozen=True)
class Launched:
    """What a launch needs, made in the simulated account."""

    cloud: Cloud
    owner: str
    itype: InstanceType
    image: Image
    group_id: str

    @property
    def tags(self) -> dict[str, str]:
        """The tags of a resource named gpu."""
        return tags_of(self.owner)

    def request(self, wishes: Wishes | None = None, attempt: int = 1, zone: str | None = None) -> dict[str, Any]:
        """Return a launch request for the wishes."""
        wished, token = wishes or Wishes(self.itype.name), f"l-1-{attempt}"
        base = self.cloud.launch_request(
            wishes=wished,
            image=self.image,
            zone=None,
            key_name="awsgpu-key",
            group_ids=(self.group_id,),
            user_data=b"#cloud-config\n{}\n",
            client_token=token,
            tags=self.tags,
            price=self.cloud.price(wished.instance_type),
        )
        market = "on-demand" if wished.spot == "no" else "spot"
        return self.cloud.in_zone(base, zone, market=market, client_token=token)


def tags_of(owner: str, name: str = "gpu") -> dict[str, str]:
    """Return the tags of one of ours."""
    return {
        "Name": f"awsgpu-{name}",
        "jupyter-awsgpu:name": name,
        "jupyter-awsgpu:owner": owner,
        "jupyter-awsgpu:schema": "1",
        "jupyter-awsgpu:launch-id": "l-1",
        "jupyter-awsgpu:user": "ubuntu",
        "jupyter-awsgpu:image": "dlami",
    }
