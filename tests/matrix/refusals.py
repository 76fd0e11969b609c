"""AWS saying no: each foreseen code at each call where AWS can say it, once, for ever, and from the second call on.

A verb ends in success or in an error of its own with a remedy, within a bounded time; nothing that bills is hidden;
and with the refusal gone the same command reaches its end.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jupyter_awsgpu.cloud.refusal_table import TABLE
from jupyter_awsgpu.errors import AwsRefused
from tests.matrix import crash
from tests.matrix.crash import Lost
from tests.matrix.laptop import READING, Laptop

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from tests.matrix.crash import Case
    from tests.matrix.laptop import Account

BOUND_S = 120.0
"""A refused verb has ended by then, on a machine that does other things too."""

CUT = ("drop", "drop-answer")
"""Connections cut before and after what was asked has been done."""

ANYWHERE = (
    "UnauthorizedOperation",
    "AuthFailure",
    "ExpiredToken",
    "RequestExpired",
    "OptInRequired",
    "Blocked",
    "RequestLimitExceeded",
    "EC2ThrottledException",
    "InternalError",
    "Unavailable",
    *CUT,
)
"""What any call of EC2 can be told (EC2 API reference, "Client error codes for all actions")."""

ELSEWHERE = (
    "AccessDeniedException",
    "ExpiredTokenException",
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
    "OptInRequired",
    "ThrottlingException",
    "InternalFailure",
    "ServiceUnavailable",
    *CUT,
)
"""What the other services can say to any call (AWS common errors)."""

OF_A_KIND = frozenset(
    {
        *("UnauthorizedOperation", "RequestLimitExceeded", "Unavailable"),
        *("AccessDeniedException", "ThrottlingException", "ServiceUnavailable"),
        "drop-answer",
    }
)
"""One code of each kind that a verb can take differently: final, throttled, tried again, and done without a word."""

SENT_AGAIN = frozenset(
    {
        *("RequestLimitExceeded", "EC2ThrottledException", "InternalError", "Unavailable"),
        *("ThrottlingException", "InternalFailure", "ServiceUnavailable"),
        *CUT,
    }
)
"""What botocore answers by sending the call again (its guide, "Retries", mode standard)."""

SENT_ONCE = ("RunInstances", "StartInstances")
"""The calls that we make with a client that sends nothing again."""

OTHER_SERVICES = frozenset(
    {
        "GetCallerIdentity",
        "GetAccountPlanState",
        "GetProducts",
        "ListServiceQuotas",
        "GetServiceQuota",
        "ListRequestedServiceQuotaChangeHistoryByQuota",
        "GetParameters",
        "GetParametersByPath",
        "ListSchedules",
    }
)
"""The calls of ours that are not EC2's."""

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
        "AddressLimitExceeded",
        "PendingVerification",
        "IdempotentParameterMismatch",
        "InvalidUserData.Malformed",
        "VPCIdNotSpecified",
    ),
    "StartInstances": (
        "InsufficientInstanceCapacity",
        "VcpuLimitExceeded",
        "IncorrectInstanceState",
        "IncorrectState",
        "InvalidInstanceID.NotFound",
    ),
    "StopInstances": ("IncorrectInstanceState", "UnsupportedOperation", "InvalidInstanceID.NotFound"),
    "TerminateInstances": ("InvalidInstanceID.NotFound",),
    "DescribeInstances": ("InvalidInstanceID.NotFound",),
    "ImportKeyPair": ("InvalidKeyPair.Duplicate", "InvalidKeyPair.Format", "InvalidKey.Format"),
    "CreateSecurityGroup": ("InvalidGroup.Duplicate",),
    "AuthorizeSecurityGroupIngress": ("InvalidPermission.Duplicate", "InvalidGroup.NotFound"),
    "DeleteSecurityGroup": ("DependencyViolation",),
    "CreateImage": ("IncorrectInstanceState", "InvalidInstanceID.NotFound"),
    "DescribeImages": ("InvalidAMIID.NotFound", "InvalidAMIID.Malformed", "InvalidAMIID.Unavailable"),
}
"""What single calls are told besides (aws-facts of this project; EC2 API reference)."""

ONCE, SECOND = "once", "from the second on"
TIMES = {ONCE: {"times": 1}, "always": {"times": None}, SECOND: {"times": None, "spare": 1}}
"""How often a tap refuses."""


@dataclass(frozen=True)
class Refusal:
    """One trial: a code at a call, and how often."""

    call: str
    code: str
    times: str
    until: str = "-"
    """Where a verb that has survived it is ended: before a change. The deaths tell what comes after that."""


def calls(boundaries: list[str]) -> list[str]:
    """Return the calls of AWS that a verb was seen to make, each once."""
    passed = [key.removeprefix("before ").partition(" ")[0] for key in boundaries if key.startswith("before ")]
    return list(dict.fromkeys(name for name in passed if name[0].isupper()))


def refusals(boundaries: list[str], known: Collection[str] = (), same: Collection[str] = ()) -> Iterator[Refusal]:
    """Return what AWS can say to the calls a verb was seen to make.

    Which sentence belongs to a code is the same for all verbs: at calls `known` from others, where every code was
    tried, one of each kind is. Calls `same` as another verb's, read and made by the same code, are not refused again.
    """
    for call in calls(boundaries):
        if call in same and call.startswith(READING):
            continue
        anywhere = ELSEWHERE if call in OTHER_SERVICES else ANYWHERE
        for code in (*(one for one in anywhere if call not in known or one in OF_A_KIND), *AT.get(call, ())):
            for times in TIMES:
                if times != SECOND or f"before {call} #2" in boundaries:
                    yield Refusal(call, code, times, _until(call, code, times, boundaries))


def _until(call: str, code: str, times: str, boundaries: list[str]) -> str:
    """Return the first change at AWS or over SSH after all that is refused, where nothing else can differ; else "-".

    That is where nothing was changed yet, and where botocore sends the call again and the verb hears of nothing.
    """
    changes = [at for at, key in enumerate(boundaries) if key.startswith("before ") and crash.changes(key)]
    refused = [at for at, key in enumerate(boundaries) if key.startswith(f"before {call} #")]
    last = refused[0] if times == ONCE else refused[-1]
    after = [at for at in changes if at > last]
    unheard = times == ONCE and _sent_again(call, code)
    return boundaries[after[0]] if after and (unheard or after[0] == changes[0]) else "-"


def _sent_again(call: str, code: str) -> bool:
    """Whether botocore repeats the call by itself, and what it says then is what it would have said."""
    return code in SENT_AGAIN and call not in SENT_ONCE and (code != "drop-answer" or call.startswith(READING))


def try_one(case: Case, refusal: Refusal, account: Account) -> None:
    """Let AWS refuse; raise `Lost` if the verb takes it badly."""
    tap = {"operation": refusal.call, "code": refusal.code, **TIMES[refusal.times]}
    error = try_in(case, account, lambda laptop: laptop.ask("faults", tap), Laptop.close_faults, refusal.until)
    meant = [row for row in TABLE if refusal.code in row.codes and not row.when and row.error is not AwsRefused]
    if error == AwsRefused.code and meant:
        raise Lost("the code is foreseen, and yet it is told as one that nobody knows")


def try_in(
    case: Case,
    account: Account,
    trouble: Callable[[Laptop], object],
    end: Callable[[Laptop], object],
    until: str = "-",
) -> str:
    """Give the verb while there is trouble at AWS, and return the error that it ended with, if any.

    One that comes as far as the boundary `until` ends there. Raises `Lost` if it takes it badly, or does not go on
    afterwards.
    """
    with crash.scene(case, account) as stage:
        trouble(stage.laptop)
        began = time.monotonic()
        answer, passed = stage.give(case.command, until)
        took = time.monotonic() - began
        end(stage.laptop)
        if took > BOUND_S:
            raise Lost(f"it took {took:.0f} s")
        if answer.status and not answer.error and until not in passed:
            raise Lost(f"no error of ours: {answer.err[-1500:]}")
        crash.no_bug(answer)
        crash.leads_on(stage, case, account)
        return answer.error
