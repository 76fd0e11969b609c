"""AWS by real boto3 clients, the simulated one or the real one, as the contract suite asks it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from jupyter_awsgpu.demo import client

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_awsgpu.demo.client import DemoStatus

QUICK: dict[str, float] = {
    "pending_s": 0.05,
    "stopping_s": 0.05,
    "image_s": 0.1,
    "volume_s": 0.05,
    "quota_approval_s": 0.1,
}
UBUNTU = "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"
REGION = "us-west-2"


class Aws:
    """One AWS, real or simulated, by its clients."""

    def __init__(self, options: dict[str, Any], simulated: DemoStatus | None) -> None:
        self._options = options
        self._session = boto3.Session()
        self._clients: dict[tuple[str, str], Any] = {}
        self.simulated = simulated

    def __call__(self, service: str, region: str = REGION) -> Any:
        """Return a client, without retries: what is refused is seen at once."""
        key = (service, region)
        if key not in self._clients:
            config = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=30)
            self._clients[key] = self._session.client(service, region_name=region, config=config, **self._options)
        return self._clients[key]

    def ask(self, what: str, values: dict[str, Any] | None = None) -> Any:
        """Ask the control plane of the simulated one."""
        assert self.simulated is not None
        return client.ask(self.simulated, what, values)

    def ubuntu(self, region: str = REGION) -> str:
        """Return the id of plain Ubuntu."""
        return str(self("ssm", region).get_parameter(Name=UBUNTU)["Parameter"]["Value"])

    def launch(self, region: str = REGION, **wishes: Any) -> dict[str, Any]:
        """Launch a t2.micro, or what the wishes say; return the first instance."""
        wishes = {"ImageId": self.ubuntu(region), "InstanceType": "t2.micro", "MinCount": 1, "MaxCount": 1} | wishes
        instance: dict[str, Any] = self("ec2", region).run_instances(**wishes)["Instances"][0]
        return instance

    def describe(self, instance_id: str, region: str = REGION) -> dict[str, Any]:
        """Return the instance as AWS describes it."""
        answer = self("ec2", region).describe_instances(InstanceIds=[instance_id])
        instance: dict[str, Any] = answer["Reservations"][0]["Instances"][0]
        return instance

    def until(self, instance_id: str, state: str, region: str = REGION) -> dict[str, Any]:
        """Wait until the instance is in this state."""
        return eventually(
            lambda: self.describe(instance_id, region),
            lambda one: one["State"]["Name"] == state,
            f"{instance_id} {state}",
        )

    def running(self, region: str = REGION, **wishes: Any) -> dict[str, Any]:
        """Launch and wait until it runs."""
        return self.until(self.launch(region, **wishes)["InstanceId"], "running", region)


def eventually(look: Callable[[], Any], good: Callable[[Any], bool], what: str, timeout_s: float = 10) -> Any:
    """Look until it is good; fail after the timeout, showing what was seen last."""
    deadline = time.monotonic() + timeout_s
    while True:
        seen = look()
        if good(seen):
            return seen
        assert time.monotonic() < deadline, f"not in {timeout_s:g} s: {what}; last seen: {seen}"
        time.sleep(0.02)


def refusal(call: Callable[..., Any], **params: Any) -> tuple[str, int, str]:
    """Return code, HTTP status and message of the refusal this call meets."""
    with pytest.raises(ClientError) as caught:
        call(**params)
    error, metadata = caught.value.response["Error"], caught.value.response["ResponseMetadata"]
    return error["Code"], metadata["HTTPStatusCode"], error["Message"]
