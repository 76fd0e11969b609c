"""AWS saying no: each foreseen code at each call where AWS can say it, once, for ever, and from the second call on.

A verb ends in success or in an error of its own with a remedy, within a bounded time; nothing that bills is hidden;
and with the refusal gone the same command reaches its end.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.matrix import crash
from tests.matrix.crash import Lost

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.matrix.crash import Case
    from tests.matrix.laptop import Account

BOUND_S = 120.0
"""A refused verb has ended by then, on a machine that does other things too."""

ANYWHERE = (
    "UnauthorizedOperation",
    "AuthFailure",
    "ExpiredToken",
    "RequestExpired",
    "OptInRequired",
    "Blocked",
    "RequestLimitExceeded",
    "InternalError",
    "Unavailable",
    "drop",
    "drop-answer",
)
"""What any call of EC2 can be told (EC2 API reference, "Client error codes for all actions"); two cut connections."""

AT: dict[str, tuple[str, ...]] = {
    "RunInstances": (
        "InsufficientInstanceCapacity",
        "VcpuLimitExceeded",
        "InstanceLimitExceeded",
        "MaxSpotInstanceCountExceeded",
        "SpotMaxPriceTooLow",
        "Unsupported",
        "InvalidParameterCombination",
        "InvalidBlockDeviceMapping",
        "InvalidAMIID.NotFound",
        "InvalidKeyPair.NotFound",
        "InvalidGroup.NotFound",
        "InsufficientFreeAddressesInSubnet",
        "PendingVerification",
        "IdempotentParameterMismatch",
        "InvalidUserData.Malformed",
        "VPCIdNotSpecified",
    ),
    "StartInstances": ("InsufficientInstanceCapacity", "IncorrectInstanceState", "InvalidInstanceID.NotFound"),
    "StopInstances": ("IncorrectInstanceState", "UnsupportedOperation", "InvalidInstanceID.NotFound"),
    "TerminateInstances": ("InvalidInstanceID.NotFound",),
    "DescribeInstances": ("InvalidInstanceID.NotFound",),
    "ImportKeyPair": ("InvalidKeyPair.Duplicate", "InvalidKey.Format"),
    "CreateSecurityGroup": ("InvalidGroup.Duplicate",),
    "AuthorizeSecurityGroupIngress": ("InvalidPermission.Duplicate", "InvalidGroup.NotFound"),
    "DeleteSecurityGroup": ("DependencyViolation",),
    "CreateImage": ("IncorrectInstanceState", "InvalidInstanceID.NotFound"),
    "DescribeImages": ("InvalidAMIID.NotFound", "InvalidAMIID.Unavailable"),
}
"""What single calls are told besides (aws-facts of this project; EC2 API reference)."""

TIMES = {"once": {"times": 1}, "always": {"times": None}, "from the second on": {"times": None, "spare": 1}}
"""How often a tap refuses."""


@dataclass(frozen=True)
class Refusal:
    """One trial: a code at a call, and how often."""

    call: str
    code: str
    times: str


def refusals(boundaries: list[str]) -> Iterator[Refusal]:
    """Return what AWS can say to the calls that a verb was seen to make."""
    passed = [key.removeprefix("before ").partition(" ")[0] for key in boundaries if key.startswith("before ")]
    calls = dict.fromkeys(name for name in passed if name[0].isupper())
    for call in calls:
        for code in (*ANYWHERE, *AT.get(call, ())):
            for times in TIMES:
                yield Refusal(call, code, times)


def try_one(case: Case, refusal: Refusal, account: Account) -> None:
    """Let AWS refuse; raise `Lost` if the verb takes it badly."""
    kept = case.back is not None
    with crash.scene(case, account, kept=kept) as laptop, tempfile.TemporaryDirectory() as elsewhere:
        laptop.ask("faults", {"operation": refusal.call, "code": refusal.code, **TIMES[refusal.times]})
        began = time.monotonic()
        answer = laptop.run(*case.command)
        took = time.monotonic() - began
        laptop.close_faults()
        if took > BOUND_S:
            raise Lost(f"it took {took:.0f} s")
        if answer.status and not (answer.error and answer.failure.get("remedy")):
            raise Lost(f"no error with a remedy: {answer.err[-1500:]}")
        if answer.error == "bug" or "Traceback" in answer.err:
            raise Lost(f"a bug: {answer.err[-1500:]}")
        crash.all_is_shown(laptop, "this laptop")
        crash.all_is_shown(laptop.another(Path(elsewhere) / "second"), "another laptop")
        crash.reaches_its_end(laptop, case)
