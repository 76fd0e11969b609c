"""What an hour of a run costs in all: instance, disks, public address. A budget is counted in this."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_awsgpu.errors import AwsGpuError
from jupyter_awsgpu.remote import guest

if TYPE_CHECKING:
    from jupyter_awsgpu.cloud import Cloud
    from jupyter_awsgpu.host import Host
    from jupyter_awsgpu.model import Instance
    from jupyter_awsgpu.records import Operation
    from jupyter_awsgpu.verbs.workbench import Workbench

MONTH_H = 730.0
"""Hours in AWS's month (AWS Pricing Calculator: 730 hours)."""

RATE_TAG = "jupyter-awsgpu:rate"
"""Says `untold` while the guest counts by the rate of an earlier type or disk."""


def hourly_rate(cloud: Cloud, per_hour: float | None, disk_gb: int, data_gb: int = 0) -> float | None:
    """Return what an hour costs with everything that bills while the instance runs, or None without its own price.

    `disk_gb` is the root disk, `data_gb` the data volume. What nobody knows the price of counts as nothing.
    """
    if per_hour is None:
        return None
    disks = (cloud.disk_price() or 0.0) * (disk_gb + data_gb) / MONTH_H
    return round(per_hour + disks + (cloud.address_price() or 0.0), 6)


def tell_rate(bench: Workbench, instance: Instance, host: Host, operation: Operation) -> None:
    """Tell the guest what its hours cost since they cost something else, if nobody has told it yet."""
    if dict(instance.tags).get(RATE_TAG) != "untold":
        return
    with operation.step("rate", "Telling the instance what its hours cost now") as step:
        try:
            cloud = bench.cloud(instance.region)
            data = cloud.volume(instance.data_volume_id).gb if instance.data_volume_id else 0
            rate = hourly_rate(cloud, instance.price_per_hour, instance.root_gb or 0, data)
            guest.configure(host, {"price_per_hour": rate})
            cloud.tag(instance.instance_id, {RATE_TAG: "told"})
        except AwsGpuError as exc:  # a guest older than this verb: a budget would be counted at the old rate
            step.say(f"It still counts by its old price: {exc}")
            return
        step.say(f"An hour costs ${rate or 0:.4f} with disks and address; a budget is counted in that")
