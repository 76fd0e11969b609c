"""vCPU quotas: the limit of a family's bucket, what runs under it, and asking for more.

Codes are found by the quota's name, never fixed: sources disagree on several (the spot bucket of P6).
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.cloud import types
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
    try:
        code = _code(place, itype.family, spot=spot)
        if code is None:
            return None
        with refusals(region=place.region, service="servicequotas"):
            answer = place.client("service-quotas").get_service_quota(ServiceCode="ec2", QuotaCode=code)["Quota"]
        used = _used(place, code, spot=spot)
    except (*UNASKABLE, AwsRefused):
        return None
    label = _label(str(answer["QuotaName"]), spot=spot)
    found = Quota(code, label, float(answer["Value"]), used, place.region, spot=spot)
    return _with_request(place, found)


def _label(name: str, *, spot: bool) -> str:
    found = (SPOT if spot else ON_DEMAND).match(name)
    return found["words"] if found else name


def _names(place: Place) -> dict[str, str]:
    """Return the names of all EC2 vCPU quotas by code, cached a day."""

    def ask() -> dict[str, str]:
        pages = place.pages(place.client("service-quotas"), "list_service_quotas", "Quotas", ServiceCode="ec2")
        names = {one["QuotaCode"]: one["QuotaName"] for one in pages}
        return {code: name for code, name in names.items() if ON_DEMAND.match(name) or SPOT.match(name)}

    return place.remembered("quota names", ask)


def _code(place: Place, family: str, *, spot: bool) -> str | None:
    return bucket_of(family, _names(place), spot=spot)


def _used(place: Place, code: str, *, spot: bool) -> float:
    """Return the vCPUs of everything that runs under the quota, ours or not."""
    pages = place.pages(
        place.ec2,
        "describe_instances",
        "Reservations",
        Filters=filters(instance_state_name=("pending", "running", "stopping")),
    )
    running = (one for reservation in pages for one in reservation["Instances"])
    return float(sum(_counted(place, one, code, spot=spot) for one in running))


def _counted(place: Place, running: Mapping[str, Any], code: str, *, spot: bool) -> int:
    name = str(running["InstanceType"])
    is_spot = running.get("InstanceLifecycle") == "spot"
    if is_spot is not spot or _code(place, name.partition(".")[0], spot=spot) != code:
        return 0
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
    code = _code(place, itype.family, spot=spot)
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
