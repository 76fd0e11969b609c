"""Instances: the table of `status`, and the card of one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from jupyter_awsgpu.language import tr
from jupyter_awsgpu.model import InstanceState
from jupyter_awsgpu.surfaces.render import clusters
from jupyter_awsgpu.surfaces.render.sheet import Cell, Column, Sheet, Tone, duration, money

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_awsgpu.model import GuestReport, Instance, Tunnel, Volume

STARTERS = ("awsgpu types", "awsgpu plan g4dn.xlarge", "awsgpu launch g4dn.xlarge")
"""The three lines that start an instance: look, ask, do."""

_COLUMNS = (
    Column("Name"),
    Column("State"),
    Column("Type", yields=3),
    Column("GPU", yields=4),
    Column("Region", yields=5),
    Column("Price", right=True),
    Column("Up for", right=True, yields=6),
    Column("So far", right=True, yields=2),
    Column("Jupyter here"),
)
_TONES: dict[InstanceState, Tone] = {
    InstanceState.RUNNING: "good",
    InstanceState.PENDING: "warn",
    InstanceState.STOPPING: "warn",
    InstanceState.STOPPED: "quiet",
    InstanceState.SHUTTING_DOWN: "quiet",
    InstanceState.TERMINATED: "quiet",
}


def table(
    instances: Sequence[Instance],
    *,
    simulated: bool = False,
    now: datetime | None = None,
    volumes: Sequence[Volume] = (),
) -> Sheet:
    """Return all instances, one a row; with none, the three lines that start one. `volumes` hang on nothing."""
    at = now or datetime.now(UTC)
    running = [one for one in instances if one.state.bills and one.price_per_hour]
    notes: tuple[str, ...] = ()
    if running:
        each_hour = sum(one.price_per_hour or 0.0 for one in running)
        one, several = (
            tr("It costs {price} an hour until stopped."),
            tr("{count} instances cost {price} an hour until stopped."),
        )
        price = money(round(each_hour, 2), running[0].currency)
        notes = ((several if len(running) > 1 else one).format(count=len(running), price=price),)
    notes += tuple(note for whole in clusters.wholes(instances) for note in clusters.notes(whole))
    doing = [(one.title, _doing(one.guest)) for one in instances if one.state.bills]
    notes += tuple(tr("{name}: {doing}").format(name=name, doing=text) for name, text in doing if text)
    notes += tuple(note for one in instances if (note := _tunnel_note(one)))
    notes += tuple(_data_note(one) for one in instances if one.data_volume) + tuple(map(_loose_note, volumes))
    return Sheet(
        title="GPU instances" if instances else "",
        columns=_COLUMNS,
        rows=tuple(_row(one, at) for one in instances),
        notes=notes,
        empty="No instances. Look at what there is, ask what it would cost, start one:",
        commands=() if instances else STARTERS,
        simulated=simulated or any(one.demo for one in instances),
    )


def _tunnel_note(one: Instance) -> str:
    """Say since when and why a tunnel is not up, and which further ports one that is up carries."""
    tunnel = one.tunnel
    if tunnel is None:
        return ""
    if tunnel.phase == "up":
        more = ", ".join(f"localhost:{local} → {remote}" for local, remote in tunnel.forwards[1:])
        return (
            tr("The tunnel to {name} carries further ports: {ports}.").format(name=one.name, ports=more) if more else ""
        )
    text = {
        "connecting": tr("The tunnel to {name} has been connecting since {time}: {why}"),
        "lost": tr("The tunnel to {name} has been lost since {time} and reconnects by itself: {why}"),
        "gave-up": tr("The tunnel to {name} gave up at {time}: {why}"),
    }.get(tunnel.phase, "")
    since = tunnel.since.astimezone().strftime("%H:%M:%S")
    return text.format(name=one.name, time=since, why=tr(tunnel.reason) if tunnel.reason else "–")


def _data_note(one: Instance) -> str:
    """Say what lies at ~/data and what it costs, running or not."""
    volume = one.data_volume
    if volume is None:
        return ""
    text = tr("{name} has a data volume of {gb} GB at ~/data: {price} a month until you remove it.")
    return text.format(name=one.name, gb=volume.gb, price=money(volume.per_month, one.currency))


def _loose_note(volume: Volume) -> str:
    text = tr(
        "A data volume of {name} ({gb} GB, {zone}) is attached to nothing and costs {price} a month; "
        "awsgpu cleanup --id {id} --yes removes it."
    )
    price = money(volume.per_month)
    return text.format(name=volume.name, gb=volume.gb, zone=volume.zone, price=price, id=volume.volume_id)


def long_runs(instances: Sequence[Instance], begin: str = "awsgpu", *, now: datetime | None = None) -> str:
    """Return one line on instances that have run for long, with the command that ends that."""
    at = now or datetime.now(UTC)
    texts = []
    for one in instances:
        text = tr("{name} has run for {time} and cost {price} in that").format(
            name=one.name, time=duration(_up_s(one, at)), price=money(_cost_so_far(one, at), one.currency)
        )
        texts.append(f"{text} ({begin} stop {one.name})")
    return "; ".join(texts) + "."


def _row(one: Instance, now: datetime) -> tuple[Cell, ...]:
    alive = one.state.bills
    return (
        Cell(one.title, "strong"),
        Cell(f"{'●' if alive else '○'} {tr(one.state)}", _TONES[one.state]),
        Cell(one.instance_type, small="spot" if one.spot else ""),
        Cell(str(one.gpu) if one.gpu else ""),
        Cell(one.region),
        Cell(money(one.price_per_hour, one.currency, unit="/h")),
        Cell(duration(_up_s(one, now)) if alive else ""),
        Cell(money(_cost_so_far(one, now), one.currency) if alive else ""),
        _address(one.tunnel),
    )


def _up_s(one: Instance, now: datetime) -> float:
    return max(0.0, (now - one.launched_at).total_seconds())


def _cost_so_far(one: Instance, now: datetime) -> float | None:
    """Return what this run has cost: EC2 bills by the second, a minute at least."""
    if one.price_per_hour is None:
        return None
    return round(one.price_per_hour * max(60.0, _up_s(one, now)) / 3600.0, 2)


def _address(tunnel: Tunnel | None) -> Cell:
    if tunnel is None:
        return Cell("")
    if tunnel.phase == "up":
        return Cell(f"localhost:{tunnel.local_port}", link=tunnel.local_url)
    return Cell(tr(f"tunnel {tunnel.phase}"), "bad" if tunnel.phase == "gave-up" else "warn")


def _doing(guest: GuestReport | None) -> str:
    if guest is None:
        return ""
    if guest.notice:
        return guest.notice
    if guest.phase != "ready":
        running = next((step.text for step in guest.steps if step.phase == "running"), "")
        return running or guest.phase
    if guest.busy_because:
        return tr("busy: {why}").format(why=tr(guest.busy_because))
    if guest.idle_stop_in_s is not None:
        return tr("idle, stops in {time}").format(time=duration(guest.idle_stop_in_s))
    return "ready"


def card(one: Instance, *, now: datetime | None = None) -> Sheet:
    """Return what matters of one instance, line by line: the answer of launch, connect, start, stop."""
    at = now or datetime.now(UTC)
    lines: list[tuple[str, Cell]] = [("State", Cell(str(one.state), _TONES[one.state]))]
    if one.tunnel is not None:
        lines.append(("Jupyter", _card_address(one.tunnel)))
    gpu = f" · {one.gpu}" if one.gpu else ""
    market = f" · {tr('spot')}" if one.spot else ""
    lines.append(("Machine", Cell(f"{one.instance_type}{gpu} · {one.zone}{market}")))
    if one.engine is not None and not one.node:
        lines.append(("Cluster", Cell(clusters.in_short(one))))
    if one.price_per_hour is not None and one.state.alive:
        lines.append(("Price", Cell(_price(one, at))))
    if one.data_volume is not None:
        size, month = f"{one.data_volume.gb} GB", money(one.data_volume.per_month, one.currency)
        lines.append(("Data", Cell(tr("{size} at ~/data · {price} a month").format(size=size, price=month))))
    if one.guest is not None:
        lines += _guest_lines(one.guest)
    if one.state_reason and not one.state.bills:
        lines.append(("Why", Cell(one.state_reason)))
    return Sheet(
        title=one.title,
        columns=(Column(""), Column("", wraps=True)),
        rows=tuple((Cell(label, "quiet"), cell) for label, cell in lines),
        commands=_next(one),
        simulated=one.demo,
        headless=True,
    )


def _price(one: Instance, at: datetime) -> str:
    each_hour = money(one.price_per_hour, one.currency, unit="/h")
    if one.nodes > 1 and not one.node:
        each_hour = clusters.price(one)
    if not one.state.bills:
        return tr("{price} while it runs").format(price=each_hour)
    return tr("{price} · {spent} so far").format(price=each_hour, spent=money(_cost_so_far(one, at), one.currency))


def _card_address(tunnel: Tunnel) -> Cell:
    if tunnel.phase == "up":
        return Cell(tunnel.local_url, "strong", link=tunnel.local_url)
    return Cell(tr(f"tunnel {tunnel.phase}") + (f": {tr(tunnel.reason)}" if tunnel.reason else ""), "warn")


def _guest_lines(guest: GuestReport) -> list[tuple[str, Cell]]:
    lines = [("Doing", Cell(_doing(guest)))]
    if guest.driver:
        cuda = f", CUDA {guest.cuda}" if guest.cuda else ""
        lines.append(("Driver", Cell(f"{guest.driver}{cuda}")))
    if guest.cap_in_s is not None:
        lines.append(("Ends", Cell(tr("in {time} at the latest").format(time=duration(guest.cap_in_s)))))
    return lines


def _next(one: Instance) -> tuple[str, ...]:
    """Return the commands a person wants next."""
    name = "" if one.name == "gpu" else f" {one.name}"
    if one.state is InstanceState.STOPPED:
        return (f"awsgpu start{name}",)
    if one.state is not InstanceState.RUNNING:
        return ()
    way = f"awsgpu open{name}" if one.tunnel is not None else f"awsgpu connect{name}"
    return (way, f"awsgpu stop{name}")
