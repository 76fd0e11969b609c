"""vCPU quotas: the limit of a family's bucket, what runs under it, and asking for more.

Codes are found by the quota's name, never fixed: sources disagree on several (the spot bucket of P6).
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from jupyter_awsgpu.cloud import catalogue, types
from jupyter_awsgpu.cloud.parallel import parallel
from jupyter_awsgpu.cloud.place import UNASKABLE, filters
from jupyter_awsgpu.cloud.refusals import refusals
from jupyter_awsgpu.errors import AwsRefused, UnknownType
from jupyter_awsgpu.model import Quota

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyter_awsgpu.cloud.place import Place
    from jupyter_awsgpu.model import InstanceType

ON_DEMAND = re.compile(r"^Running On-Demand (?P<words>.+) instances$")
SPOT = re.compile(r"^All (?P<words>.+) Spot Instance Requests$")

LIMITS = "quota limits"
"""The fact that holds names and limits of all vCPU quotas of a region."""

FILTER_VALUES = 200
"""The most values a filter of EC2's may hold (EC2 API reference, «Filter»)."""

Limits = dict[str, tuple[str, float]]
"""Quota code → its name and the limit in vCPUs."""


def words_of(quota_name: str, *, spot: bool) -> frozenset[str]:
    """Return the families a quota's name lists, in capitals; nothing for a quota of another kind.

    >>> sorted(words_of("All P4, P3 and P2 Spot Instance Requests", spot=True))
    ['P2', 'P3', 'P4']
    >>> sorted(words_of("Running On-Demand G and VT instances", spot=False))
    ['G', 'VT']
    """
    found = (SPOT if spot else ON_DEMAND).match(quota_name)
    if found is None:
        return frozenset()
    words = set(re.findall(r"[A-Za-z0-9]+", found["words"])) - {"and", "Standard", "High", "Memory"}
    return frozenset(word.upper() for word in words)


def bucket_words(family: str) -> tuple[str, ...]:
    """Return the words a family may be listed under, the most special first.

    >>> bucket_words("p5en"), bucket_words("gr6f"), bucket_words("trn1")
    (('P5', 'P'), ('GR6', 'GR', 'G'), ('TRN1', 'TRN', 'T'))
    """
    letters = re.match(r"[a-z]+", family)
    stem = letters.group().upper() if letters else family.upper()
    number = re.match(r"\d+", family[len(stem) :])
    words = [stem + number.group() if number else "", stem, stem[0]]
    return tuple(dict.fromkeys(word for word in words if word))


def bucket_of(family: str, names: Mapping[str, str], *, spot: bool) -> str | None:
    """Return the code of the quota that counts a family, given quota names by code; None if none names it."""
    listed = {code: words_of(name, spot=spot) for code, name in names.items()}
    for word in bucket_words(family):
        for code, words in listed.items():
            if word in words:
                return code
    return None


def quota(place: Place, itype: InstanceType, *, spot: bool = False) -> Quota | None:
    """Return the applied limit and present use of the type's bucket, with an open request; None if not to be asked."""
    found = _asked(place, itype, spot=spot, fresh=True)
    return None if found is None else _with_request(place, found)


def room(place: Place, itype: InstanceType, *, spot: bool = False, count: int = 1) -> Quota | None:
    """Return limit and present use of the type's bucket for a launch about to be made; None if not to be asked.

    A limit may be a day old where `count` more instances fit under it: limits are raised, hardly ever
    lowered, and RunInstances itself refuses safely. One that does not suffice is asked for anew.
    """
    return _asked(place, itype, spot=spot, fresh=False, count=count)


def forget(place: Place) -> None:
    """Take the limits for unknown where AWS has just refused what should have fitted."""
    place.learn(LIMITS, None)


def _asked(place: Place, itype: InstanceType, *, spot: bool, fresh: bool, count: int = 1) -> Quota | None:
    try:
        with parallel(2) as pool:
            listed = pool.submit(_limits, place)
            running = pool.submit(_running, place, itype)
            limits = listed.result()
            code = _code(limits, itype.family, spot=spot)
            if code is None:
                return None
            name, limit = limits[code]
            used = _used(place, limits, code, running.result(), spot=spot)
        if fresh or limit - used < itype.vcpus * count:
            limit = _applied(place, code)
            place.learn(LIMITS, {**limits, code: (name, limit)})
    except (*UNASKABLE, AwsRefused):
        return None
    return Quota(code, _label(name, spot=spot), limit, used, place.region, spot=spot)


def _applied(place: Place, code: str) -> float:
    """Return the limit in force at this moment."""
    with refusals(region=place.region, service="servicequotas"):
        answer = place.client("service-quotas").get_service_quota(ServiceCode="ec2", QuotaCode=code)
    return float(answer["Quota"]["Value"])


def _label(name: str, *, spot: bool) -> str:
    found = (SPOT if spot else ON_DEMAND).match(name)
    return found["words"] if found else name


def _limits(place: Place) -> Limits:
    """Return names and limits of all EC2 vCPU quotas by code, cached a day."""

    def ask() -> Limits:
        pages = place.pages(place.client("service-quotas"), "list_service_quotas", "Quotas", ServiceCode="ec2")
        found = {one["QuotaCode"]: (str(one["QuotaName"]), float(one.get("Value", 0))) for one in pages}
        return {code: one for code, one in found.items() if ON_DEMAND.match(one[0]) or SPOT.match(one[0])}

    return place.remembered(LIMITS, ask)


def _code(limits: Limits, family: str, *, spot: bool) -> str | None:
    return bucket_of(family, {code: name for code, (name, _limit) in limits.items()}, spot=spot)


def _running(place: Place, itype: InstanceType) -> Counter[tuple[str, bool]]:
    """Count what runs in the region, ours or not, by type and whether it is spot.

    Buckets of accelerated types hold no others, so that of those only accelerated ones are asked for: an
    account may run thousands of small machines.
    """
    wanted = filters(instance_state_name=("pending", "running", "stopping"))
    if itype.gpu is not None:
        listed = {itype.name, *catalogue.type_names(), *(place.known("types") or ())}
        names = sorted(name for name in listed if name.startswith(catalogue.ACCELERATED))
        if len(names) <= FILTER_VALUES:
            wanted += filters(instance_type=tuple(names))
    pages = place.pages(place.ec2, "describe_instances", "Reservations", Filters=wanted)
    running = (one for reservation in pages for one in reservation["Instances"])
    return Counter((str(one["InstanceType"]), one.get("InstanceLifecycle") == "spot") for one in running)


def _used(place: Place, limits: Limits, code: str, running: Counter[tuple[str, bool]], *, spot: bool) -> float:
    """Return the vCPUs of what runs under the quota."""
    total = 0
    for (name, is_spot), count in running.items():
        if is_spot is spot and _code(limits, name.partition(".")[0], spot=spot) == code:
            total += count * _vcpus(place, name)
    return float(total)


def _vcpus(place: Place, name: str) -> int:
    """Return a type's vCPUs, without asking for a type that the catalogue knows."""
    shipped = catalogue.instance_type(name)
    if shipped is not None:
        return shipped.vcpus
    try:
        return types.instance_type(place, name).vcpus
    except UnknownType:
        return 0


def _with_request(place: Place, found: Quota) -> Quota:
    """Add the newest request for an increase, if there was one; a closed case is not a grant."""
    try:
        pages = place.pages(
            place.client("service-quotas"),
            "list_requested_service_quota_change_history_by_quota",
            "RequestedQuotas",
            ServiceCode="ec2",
            QuotaCode=found.code,
        )
        newest = max(pages, key=lambda one: str(one.get("Created", "")), default=None)
    except (*UNASKABLE, AwsRefused):
        return found
    if newest is None:
        return found
    return replace(found, request_status=str(newest["Status"]), requested=float(newest["DesiredValue"]))


def request_quota(place: Place, itype: InstanceType, vcpus: int, *, spot: bool = False) -> Quota:
    """Ask AWS to raise the bucket's limit to `vcpus`; an open request is followed, not doubled.

    Raises `AwsRefused` where AWS does not take the request, `PermissionDenied` where one may not ask.
    """
    code = _code(_limits(place), itype.family, spot=spot)
    if code is None:
        message = f"no quota is named for {itype.family} instances"
        raise AwsRefused(operation="RequestServiceQuotaIncrease", aws_code="NoSuchQuota", aws_message=message)
    try:
        with refusals(region=place.region, service="servicequotas"):
            place.client("service-quotas").request_service_quota_increase(
                ServiceCode="ec2", QuotaCode=code, DesiredValue=float(vcpus)
            )
    except AwsRefused as exc:
        if exc.facts.get("aws_code") != "ResourceAlreadyExistsException":
            raise
    found = quota(place, itype, spot=spot)
    return found or Quota(code, itype.family, 0.0, 0.0, place.region, spot=spot, requested=float(vcpus))
