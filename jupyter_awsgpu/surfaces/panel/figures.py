"""What a card says of an instance: age, money, countdowns, in a person's units. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from jupyter_awsgpu.surfaces.render.sheet import money

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jupyter_awsgpu.model import GuestReport, Instance

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
LEAST_BILLED_S = 60.0
"""EC2 bills by the second, a minute at least."""


def coarse(seconds: float, tr: Callable[[str], str] = str) -> str:
    """Return a length of time to the minute: a card that ticks every second is noise.

    >>> [coarse(one) for one in (20, 61, 3700, 90000)]
    ['< 1 min', '1 min', '1 h 1 min', '1 d 1 h']
    """
    if seconds < 60:  # noqa: PLR2004 - a minute
        return tr("< 1 min")
    days, hours, minutes = tr("{n} d"), tr("{n} h"), tr("{n} min")
    if seconds < HOUR_S:
        return minutes.format(n=int(seconds // 60))
    if seconds < DAY_S:
        return f"{hours.format(n=int(seconds // HOUR_S))} {minutes.format(n=int(seconds % HOUR_S // 60))}"
    return f"{days.format(n=int(seconds // DAY_S))} {hours.format(n=int(seconds % DAY_S // HOUR_S))}"


def age_s(instance: Instance, now: float) -> float:
    """Return the seconds since this run began."""
    return max(0.0, now - instance.launched_at.timestamp())


def spent(instance: Instance, now: float) -> float | None:
    """Return what this run has cost: the instance's own ledger where it reports, else price times age."""
    if instance.guest is not None and instance.guest.spent is not None:
        return instance.guest.spent
    if instance.price_per_hour is None:
        return None
    return instance.price_per_hour * max(LEAST_BILLED_S, age_s(instance, now)) / HOUR_S


def price_line(instance: Instance, now: float, tr: Callable[[str], str], whole: Sequence[Instance] = ()) -> str:
    """Return e.g. `$0.90/h · $0.45 so far`, or what a stopped one goes on costing; a cluster's are of all machines."""
    if instance.price_per_hour is None:
        return tr("price unknown")
    machines = whole or (instance,)
    if not any(one.state.bills for one in machines):
        all_of_them = sum(one.price_per_hour or 0.0 for one in machines)
        each_hour = money(all_of_them, instance.currency, unit="/h")
        return tr("{price} while it runs; its disk is billed").format(price=each_hour)
    each_hour = money(an_hour(machines), instance.currency, unit="/h")
    so_far = money(round(sum(spent(one, now) or 0.0 for one in machines), 2), instance.currency)
    return tr("{price} · {spent} so far").format(price=each_hour, spent=so_far)


def left_s(report: GuestReport, seconds: float | None, now: float) -> float | None:
    """Return a countdown's rest, counted on from the moment the report was read (unless busy holds it)."""
    if seconds is None:
        return None
    held = report.busy_because is not None
    passed = 0.0 if held or report.read_at is None else now - report.read_at.timestamp()
    return max(0.0, seconds - max(0.0, passed))


def idle_line(instance: Instance, now: float, tr: Callable[[str], str]) -> str:
    """Return how long until the instance stops itself, or why it does not."""
    report = instance.guest
    if report is None or not instance.state.bills or report.phase != "ready":
        return ""
    if report.busy_because:
        return tr("at work: {why}").format(why=tr(report.busy_because))
    if report.kept_until is not None and report.kept_until > datetime.fromtimestamp(now, UTC):
        return tr("kept for {time}").format(time=coarse(report.kept_until.timestamp() - now, tr))
    rest = left_s(report, report.idle_stop_in_s, now)
    return "" if rest is None else tr("idle; stops in {time}").format(time=coarse(rest, tr))


def cap_line(instance: Instance, now: float, tr: Callable[[str], str]) -> str:
    """Return when the instance stops in any case."""
    report = instance.guest
    rest = left_s(report, report.cap_in_s, now) if report is not None else None
    return "" if rest is None else tr("stops in {time} in any case").format(time=coarse(rest, tr))


def tunnel_line(instance: Instance, tr: Callable[[str], str]) -> str:
    """Return the tunnel's state in words."""
    tunnel = instance.tunnel
    if tunnel is None:
        return tr("no tunnel") if instance.state.bills else ""
    words = {
        "up": tr("tunnel up, port {port}"),
        "connecting": tr("tunnel connecting, port {port}"),
        "lost": tr("tunnel lost since {time}, reconnecting on port {port}"),
        "gave-up": tr("tunnel gave up: {why}"),
        "closed": tr("no tunnel"),
    }
    since = tunnel.since.astimezone().strftime("%H:%M:%S")
    return words[tunnel.phase].format(port=tunnel.local_port, time=since, why=tr(tunnel.reason or "–"))


def over_cap(instance: Instance, now: float) -> bool:
    """Return whether a running instance has outlived the cap it reported."""
    report = instance.guest
    if report is None or report.cap_in_s is None or not instance.state.bills:
        return False
    return left_s(report, report.cap_in_s, now) == 0.0


def an_hour(instances: Sequence[Instance]) -> float:
    """Return what all billed instances cost an hour together, as far as prices are known."""
    return sum(one.price_per_hour or 0.0 for one in instances if one.state.bills)
