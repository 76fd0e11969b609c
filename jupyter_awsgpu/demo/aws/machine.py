"""One machine: moto's instance, and beside it what moto does not keep."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}
PORT_TAG = "jupyter-awsgpu:ssh-port"
USER = ("Client.UserInitiatedShutdown", "Client.UserInitiatedShutdown: User initiated shutdown")
GUEST = ("Client.InstanceInitiatedShutdown", "Client.InstanceInitiatedShutdown: Instance initiated shutdown")
SPOT = ("Server.SpotInstanceTermination", "Server.SpotInstanceTermination: Spot instance termination")
NO_CAPACITY = "Server.InsufficientInstanceCapacity"
REASONS = {
    NO_CAPACITY: f"{NO_CAPACITY}: Insufficient capacity to satisfy instance request",
    "Client.InternalError": "Client.InternalError: Client error on launch",
    "Client.VolumeLimitExceeded": "Client.VolumeLimitExceeded: Volume limit exceeded",
}
"""Why an instance that EC2 accepted ends by itself (EC2 API reference, StateReason; the wording is unconfirmed)."""

BROKEN = ("Server.InternalError", "Server.InternalError: Internal error on launch")


@dataclass
class Machine:
    """An instance (moto's object) with what moto does not keep of it.

    `history` holds (seconds since the epoch, state). `epoch` counts state changes, so that a timer
    set for an earlier one does nothing. `known_at` is when other calls begin to see the instance.
    `relaunch` fulfils a persistent spot request again. `host_lock` keeps the fleet's work on one host
    in turn: a host is not ended while it boots.
    """

    instance: Any
    region: str
    user_data: bytes
    authorized_keys: tuple[str, ...]
    image_facts: dict[str, Any]
    image_folder: Path | None
    known_at: float = 0.0
    spot_request: Any = None
    history: list[tuple[float, str]] = field(default_factory=list)
    epoch: int = 0
    port: int | None = None
    relaunch: Callable[[], None] | None = None
    host_lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def id(self) -> str:
        """The instance id."""
        return str(self.instance.id)

    @property
    def state(self) -> str:
        """The state, in EC2's word."""
        return str(self.instance.state)

    @property
    def interruptible(self) -> bool:
        """Whether it was bought on the spot market."""
        return self.spot_request is not None

    @property
    def one_time(self) -> bool:
        """Whether its spot request ends with it."""
        return self.spot_request is not None and bool(self.spot_request.type == "one-time")

    def change(self, state: str) -> None:
        """Take this state now."""
        self.epoch += 1
        self._tell_request(state)
        self.instance._state.name, self.instance._state.code = state, CODES[state]  # noqa: SLF001 - moto's field
        self.history.append((time.time(), state))

    def say(self, why: tuple[str, str], transition: str) -> None:
        """Give the reasons of the latest change, as StateReason and StateTransitionReason show them."""
        from moto.ec2.models.instances import StateReason

        self.instance.state_reason = StateReason(code=why[0], message=why[1]) if why[0] else None
        self.instance._reason = transition  # noqa: SLF001 - moto's field

    def _tell_request(self, state: str) -> None:
        """Let the spot request share the instance's fate."""
        request = self.spot_request
        if request is None or request.state == "cancelled":
            return
        if state in ("stopping", "stopped"):
            request.close("disabled", "instance-stopped-by-user")
        elif state == "shutting-down" and self.relaunch is not None:
            request.close("open", "instance-terminated-by-user")
        elif state == "shutting-down" and request.state != "closed":
            request.close("closed", "instance-terminated-by-user")
        elif state == "running":
            request.close("active", "fulfilled")


def tags_of(resource: Any) -> dict[str, str]:
    """Return a moto resource's tags as a mapping."""
    return {tag["key"]: tag["value"] for tag in resource.get_tags()}


def root_gb(instance: Any) -> int:
    """Return the size of an instance's root volume in GB."""
    device = instance.block_device_mapping.get(instance.root_device_name)
    return int(device.size) if device is not None and device.size else 8
