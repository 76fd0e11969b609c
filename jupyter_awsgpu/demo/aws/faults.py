"""Faults on tap: which call fails, how, how often. Tests and tutorials open the tap."""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass
from typing import Any

DROP = "drop"
"""The code of a fault that cuts the connection instead of answering."""

DROP_ANSWER = "drop-answer"
"""The code of a fault that does what was asked, and cuts the connection before the answer."""

BOOT = "Boot"
"""The operation of a fault that lets an accepted instance end by itself."""

STATUS = {
    "InsufficientInstanceCapacity": 500,
    "RequestLimitExceeded": 503,
    "Unavailable": 503,
    "ServiceUnavailable": 503,
    "InternalError": 500,
    "UnauthorizedOperation": 403,
    "AuthFailure": 401,
    "DryRunOperation": 412,
}
"""HTTP status by code where it is not 400 (EC2's error pages, "Server error codes"; 412 and 401 unconfirmed)."""

MESSAGES = {
    "InsufficientInstanceCapacity": "Insufficient capacity.",
    "RequestLimitExceeded": "Request limit exceeded.",
    "UnauthorizedOperation": "You are not authorized to perform this operation. Encoded authorization failure message: "
    "c2ltdWxhdGVk",
    "RequestExpired": "Request has expired.",
    "ExpiredToken": "The security token included in the request is expired",
    "AuthFailure": "AWS was not able to validate the provided access credentials",
    "OptInRequired": "You are not subscribed to this service.",
    "PendingVerification": "Your request for accessing resources in this region is being validated, and you will not "
    "be able to launch additional resources in this region until the validation is complete.",
    "Blocked": "This account is currently blocked and not recognized as a valid account.",
}


@dataclass
class Fault:
    """One tap. `times` is how many calls it still hits (None: all). Empty filters match everything.

    `zone` on RunInstances and StartInstances means: that zone cannot serve the request.
    The operation `Boot` is no call: its fault ends an instance that EC2 has accepted, and is the reason shown.
    A fault with `latency_ms` and no `code` only delays. The first `spare` calls it would hit pass.
    """

    operation: str
    code: str | None = None
    status: int | None = None
    message: str | None = None
    times: int | None = 1
    service: str | None = None
    region: str | None = None
    zone: str | None = None
    instance_type: str | None = None
    latency_ms: float = 0.0
    spare: int = 0

    @property
    def http_status(self) -> int:
        """The status given, or the one AWS uses for the code."""
        return self.status or STATUS.get(self.code or "", 400)

    @property
    def text(self) -> str:
        """The message given, or AWS's usual one."""
        return self.message or MESSAGES.get(self.code or "", f"{self.code} (injected by the simulated AWS)")


class Faults:
    """The open taps, oldest first."""

    def __init__(self) -> None:
        self._open: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, wish: dict[str, Any]) -> Fault:
        """Open a tap. Raises `ValueError` for an unknown or missing field."""
        try:
            fault = Fault(**wish)
        except TypeError as exc:
            raise ValueError(str(exc)) from exc
        with self._lock:
            self._open.append(fault)
        return fault

    def clear(self) -> None:
        """Close every tap."""
        with self._lock:
            self._open.clear()

    def listed(self) -> list[dict[str, Any]]:
        """Return the open taps as plain values."""
        with self._lock:
            return [asdict(fault) for fault in self._open]

    def take(
        self, operation: str, *, service: str = "", region: str = "", zone: str | None = None, instance_type: str = ""
    ) -> Fault | None:
        """Return the fault that hits this call, counting it. With `zone`, only faults of that zone; else none of any.

        `operation` of a fault may be `*`: any call.
        """
        with self._lock:
            for fault in self._open:
                if fault.zone != zone or fault.operation not in (operation, "*" if operation != BOOT else BOOT):
                    continue
                if fault.service not in (None, service) or fault.region not in (None, region):
                    continue
                if fault.instance_type not in (None, instance_type):
                    continue
                if fault.spare > 0:
                    fault.spare -= 1
                    continue
                self._count(fault)
                return fault
        return None

    def _count(self, fault: Fault) -> None:
        if fault.times is None:
            return
        fault.times -= 1
        if fault.times <= 0:
            self._open.remove(fault)
