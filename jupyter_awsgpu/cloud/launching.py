"""Asking EC2 for instances: the request sent as it stands, and whether it would be permitted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.cloud import tags
from jupyter_awsgpu.cloud.instances import described
from jupyter_awsgpu.cloud.parallel import parallel
from jupyter_awsgpu.cloud.place import UNASKABLE
from jupyter_awsgpu.cloud.refusals import refusals, translate
from jupyter_awsgpu.cloud.request import as_sent, without_access
from jupyter_awsgpu.errors import AwsGpuError, AwsRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyter_awsgpu.cloud.place import Place
    from jupyter_awsgpu.model import Instance


def run(place: Place, request: Mapping[str, Any], facts: Mapping[str, object]) -> tuple[Instance, ...]:
    """Send the request once, as it stands; repeating is the caller's affair, with the same token or a new one.

    Raises `NoCapacity`, `ZoneNotOffered`, `QuotaTooLow`, `SpotQuotaTooLow`, `SpotPriceTooLow`, `FreePlan`
    and whatever else AWS answers.
    """
    client = place.session.client("ec2", place.region, single_attempt=True)
    zone = request.get("Placement", {}).get("AvailabilityZone")
    with refusals(**{"zone": zone, "region": place.region, **facts}):
        answer = client.run_instances(**as_sent(request))
    return tuple(sorted((described(one, place) for one in answer["Instances"]), key=lambda one: one.launch_index))


def permitted(place: Place, operation: str, facts: Mapping[str, object] | None = None, **parameters: Any) -> None:
    """Make a call with DryRun. Raises what AWS answers, `PermissionDenied` above all."""
    try:
        getattr(place.ec2, operation)(DryRun=True, **parameters)
    except Exception as exc:
        error = translate(exc, {"region": place.region, **(facts or {})})
        if error is None:
            raise
        if error.facts.get("aws_code") != "DryRunOperation":
            raise error from exc


def denials(place: Place, request: Mapping[str, Any], has: Mapping[str, str]) -> dict[str, AwsGpuError]:
    """Return what would be denied of a launch and of what it may have to make: `launch`, `key pair`, `group`.

    Asked by DryRun, with the tags that the real calls carry: a policy may allow them only so. Quota,
    capacity and Free plan are not asked by this, and other refusals say nothing here.
    """
    key_pair = {"PublicKeyMaterial": _ANY_KEY, "TagSpecifications": tags.specification(("key-pair",), has)}
    group = {"Description": "permission check", "TagSpecifications": tags.specification(("security-group",), has)}
    asked: dict[str, tuple[str, dict[str, Any]]] = {
        "launch": ("run_instances", as_sent(without_access(request))),
        "key pair": ("import_key_pair", {"KeyName": _NEVER_MADE, **key_pair}),
        "group": ("create_security_group", {"GroupName": _NEVER_MADE, **group}),
    }
    with parallel(len(asked)) as pool:
        answers = {
            what: pool.submit(permitted, place, operation, **parameters)
            for what, (operation, parameters) in asked.items()
        }
    denied: dict[str, AwsGpuError] = {}
    for what, answer in answers.items():
        error = answer.exception()
        if error is None or isinstance(error, AwsRefused):
            continue  # a refusal of the wish itself, such as Unsupported: the check it belongs to says it
        if not isinstance(error, AwsGpuError):
            raise error
        if isinstance(error, UNASKABLE):
            denied[what] = error
    return denied


_NEVER_MADE = "awsgpu-permission"
_ANY_KEY = b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGFkZHJlc3NlZC10by1ub2JvZHktYXQtYWxsLi4uLi4u dry-run"
