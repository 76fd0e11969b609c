"""What a launch costs besides the hour, and how long it takes until it is ready."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_awsgpu.cloud import Cloud
    from jupyter_awsgpu.model import Image, InstanceType, Price, Wishes

BOOT_MINUTES = 1.0
"""From RunInstances to SSH: 26 s measured for small images (brevdev/ec2-coldboot-research, 2026), more for large."""

FREE_DISK_GB = 30
"""Of the former free tier, for an account's first twelve months (AWS Free Tier page)."""

UNCAPPED = "there is no cap: as long as something keeps it busy, it runs and costs"

DRIVER_MINUTES = 8.0
"""Our estimate for driver, Miniforge and JupyterLab on a plain image; unconfirmed on real AWS."""


def disk_per_month(cloud: Cloud, disk_gb: int) -> float | None:
    """Return what the disk costs a month, running or stopped, in the region's currency."""
    per_gb = cloud.disk_price()
    return None if per_gb is None else round(per_gb * disk_gb, 2)


def image_per_month(cloud: Cloud, disk_gb: int) -> float | None:
    """Return what the snapshot of an image of the full disk costs a month, in dollars, at most."""
    per_gb = cloud.snapshot_price()
    return None if per_gb is None else round(per_gb * disk_gb, 2)


def minutes_to_ready(itype: InstanceType, image: Image | None) -> float | None:
    """Return the minutes from launch to a link, roughly."""
    if image is None:
        return None
    if image.has_driver or itype.gpu is None:
        return BOOT_MINUTES + 1.0
    return BOOT_MINUTES + DRIVER_MINUTES


def billed_apart(software: str) -> str:
    """Say what an image brings that no figure of ours contains."""
    return (
        f"The software of its image ({software}) is billed apart, at a price unknown here; a budget does not count it."
    )


def notes(
    itype: InstanceType,
    wishes: Wishes,
    price: Price | None,
    image: Image | None,
    *,
    image_month: float | None,
    currency: str,
) -> tuple[str, ...]:
    """Return what a person should have read before launching; `wishes` has the disk it would get."""
    lines = [_ending(wishes, price)]
    if wishes.spot != "no":
        lines.append(
            "A spot instance may be taken back with two minutes' notice; at every limit it terminates, with its disk."
        )
    if wishes.spot != "no" and wishes.budget is not None:
        lines.append("A spot price may rise while the instance runs; a budget is counted at the price it begins with.")
    if price is not None and price.source == "catalogue":
        lines.append(f"The price is from the catalogue of {price.as_of}, not from AWS.")
    if price is None:
        lines.append("The price is unknown here: neither AWS's price list nor the shipped catalogue could say it.")
    if image is not None and image.software:
        lines.append(billed_apart(image.software))
    if itype.free_tier:
        more = f"; of {wishes.disk_gb} GB the rest costs" if (wishes.disk_gb or 0) > FREE_DISK_GB else ""
        lines.append(
            f"{itype.name} and {FREE_DISK_GB} GB of disk are free for accounts that still have the free tier{more}."
        )
    lines.append(_beside(image_month, currency))
    return tuple(lines)


def _beside(image_month: float | None, currency: str) -> str:
    """Say what is in the prices and what is not."""
    apart = "disk and public address are billed apart"
    if image_month is None:
        return f"Prices are in {currency}, without taxes and traffic; {apart}, at prices unknown here."
    snapshot = f"an image of the disk (awsgpu image) would cost ${image_month:.2f} a month at most"
    return f"Prices are without taxes and traffic; {apart}; {snapshot}."


def _ending(wishes: Wishes, price: Price | None) -> str:
    """Say when the instance ends by itself and what it has cost at most by then."""
    ends = []
    if wishes.idle_stop_minutes is not None:
        ends.append(f"{wishes.idle_stop_minutes} idle minutes")
    if wishes.max_hours is not None:
        ends.append(f"{wishes.max_hours:g} hours in any case")
    if wishes.budget is not None and price is not None:
        ends.append(f"${wishes.budget:g} spent on instance, disks and address")
    if not ends:
        return "Nothing stops this instance but you: no idle stop and no cap are set."
    most = "" if capped(wishes, price) else f"; {UNCAPPED}"
    if wishes.max_hours is not None and price is not None:
        most = f", {price.currency} {price.per_hour * wishes.nodes * wishes.max_hours:.2f} at most"
    return f"It stops itself after {' or '.join(ends)}{most}."


def capped(wishes: Wishes, price: Price | None) -> bool:
    """Return whether anything ends a run that never falls idle: hours, or a budget whose hours have a price."""
    return wishes.max_hours is not None or (wishes.budget is not None and price is not None)
