"""What an account may have at once: vCPU quotas by bucket, spot or not, and the Free plan.

Source of codes and of the message: `catalogue.BUCKETS`; VcpuLimitExceeded's text from public logs
(it holds the limit's number); the Free plan's refusal from public code, unconfirmed.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from jupyter_awsgpu.demo.aws import offerings, quotas
from jupyter_awsgpu.demo.aws.catalogue import quota_code
from jupyter_awsgpu.demo.aws.machines import machines
from jupyter_awsgpu.demo.aws.wire import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_awsgpu.demo.aws.machine import Machine
    from jupyter_awsgpu.demo.aws.operations import Call
    from jupyter_awsgpu.demo.aws.world import World

COUNTED = ("pending", "running", "stopping", "shutting-down")


def require_plan(call: Call, itype: str) -> None:
    """Refuse what the Free plan does not hold, where the settings say the account is on it."""
    if call.world.settings.free_plan and not (offerings.facts(itype) or {}).get("FreeTierEligible"):
        raise Refusal(
            "InvalidParameterCombination",
            "The specified instance type is not eligible for Free Tier. For a list of Free Tier instance types, run "
            "'describe-instance-types' with the filter 'free-tier-eligible=true'.",
        )


def allowed_count(call: Call, itype: str, least: int, most: int, *, spot: bool) -> int:
    """Return how many of `least` to `most` instances the quota allows; refuse fewer than `least`."""
    each = offerings.vcpus(itype)
    code = quota_code(itype, spot=spot)
    limit = quotas.value(call.world, call.region, code)
    fits = int(limit - used(call.world, call.region, code)) // each
    if fits >= least:
        return min(fits, most)
    if spot:
        raise Refusal("MaxSpotInstanceCountExceeded", "Max spot instance count exceeded")
    raise Refusal("VcpuLimitExceeded", too_many(limit))


def require_room(call: Call, starting: Sequence[Machine]) -> None:
    """Refuse to start instances that the quotas do not all hold at once."""
    wanted: Counter[str] = Counter()
    for one in starting:
        itype = one.instance.instance_type
        require_plan(call, itype)
        wanted[quota_code(itype, spot=one.interruptible)] += offerings.vcpus(itype)
    for code, vcpus in wanted.items():
        limit = quotas.value(call.world, call.region, code)
        if used(call.world, call.region, code) + vcpus > limit:
            raise Refusal("VcpuLimitExceeded", too_many(limit))


def too_many(limit: float) -> str:
    """Return AWS's sentence about a vCPU limit."""
    return (
        f"You have requested more vCPU capacity than your current vCPU limit of {limit:g} allows for the instance "
        "bucket that the specified instance type belongs to. Please visit http://aws.amazon.com/contact-us/ec2-request "
        "to request an adjustment to this limit."
    )


def used(world: World, region: str, code: str) -> int:
    """Return the vCPUs that count against a quota now."""
    return sum(
        offerings.vcpus(one.instance.instance_type)
        for one in machines(world).all(region)
        if one.state in COUNTED and quota_code(one.instance.instance_type, spot=one.interruptible) == code
    )
