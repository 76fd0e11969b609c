"""RunInstances, tried zone by zone: journal first, one ClientToken an attempt, never two instances."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.errors import (
    AwsGpuError,
    AwsThrottled,
    AwsUnreachable,
    InstanceGone,
    LaunchUnclear,
    NoAddress,
    NoCapacity,
    SpotPriceTooLow,
    SpotQuotaTooLow,
    ZoneNotOffered,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jupyter_awsgpu.cloud.request import ByPrice, Market
    from jupyter_awsgpu.model import Instance, Wishes
    from jupyter_awsgpu.records import JournalEntry, Operation, Step
    from jupyter_awsgpu.verbs.choice import Choice
    from jupyter_awsgpu.verbs.workbench import Workbench

REPLAYS = 4
"""How often an unanswered or throttled request is sent again, with the same token."""

LONGEST_PAUSE_S = 4.0

UNANSWERED = (AwsUnreachable, AwsThrottled)
"""No answer, or one that says nothing of this request. Any other refusal means that nothing was made."""

OPEN = (*UNANSWERED, LaunchUnclear)
"""What ends an attempt while something of it may exist: its journal entry stays, and nothing beside it is removed."""

ARRIVED_WITHIN_S = 60.0
"""After this many seconds a request that left no instance behind never arrived: EC2 has long listed it."""


def attempt_launch(
    bench: Workbench,
    choice: Choice,
    entry: JournalEntry,
    request: dict[str, Any],
    operation: Operation,
    *,
    by_price: ByPrice | None = None,
    replays: int = REPLAYS,
) -> tuple[Instance, ...]:
    """Ask for the instances in each market and zone until EC2 gives them: all of a cluster, or none.

    Each market has its price, and what is counted by it is made `by_price` for each request.
    A capacity error moves on to the next zone with a new token; a quota error stops at once. Raises
    `NoCapacity` with all that was tried, or what else EC2 refused. A request without answer is sent `replays` times.
    """
    tried: list[str] = []
    with operation.step("request", "Asking EC2 for the instance") as step:
        for number, (zone, market) in enumerate(_markets(choice), start=1):
            token = f"{entry.launch_id}-{number}"
            asked = choice.cloud.in_zone(request, zone, market=market, client_token=token, by_price=by_price)
            try:
                made, entry = _send(bench, choice, entry, asked, step, replays=replays)
            except (NoCapacity, ZoneNotOffered, SpotPriceTooLow, SpotQuotaTooLow) as exc:
                entry = bench.records.journal.refused(_with_request(entry, asked), zone, exc.code)
                tried.append(f"{zone}{' (spot)' if market == 'spot' else ''}")
                step.say(f"No {choice.instance_type.name} free in {tried[-1]}")
                refusal = exc
                continue
            except OPEN:
                raise  # it may have been made: the journal's entry stays open for the next launch
            except AwsGpuError as exc:
                bench.records.journal.refused(_with_request(entry, asked), zone, exc.code)
                _close(bench, entry)
                raise
            instead = (
                ", on demand: the spot market had none" if market == "on-demand" and choice.wishes.spot != "no" else ""
            )
            ids = ", ".join(one.instance_id for one in made)
            step.say(f"EC2 gave {ids} in {made[0].zone}{instead}")
            return made
        _close(bench, entry)
        if isinstance(refusal, SpotPriceTooLow | SpotQuotaTooLow):
            raise refusal
        kind = NoAddress if isinstance(refusal, NoAddress) else NoCapacity
        raise kind(instance_type=choice.instance_type.name, tried=", ".join(tried), region=choice.cloud.region)


def _close(bench: Workbench, entry: JournalEntry) -> None:
    """Note that nothing of a launch exists, and drop the host keys it would have had."""
    bench.records.journal.end(entry.launch_id, bench.now())
    bench.records.pins.forget_launch(entry.launch_id)


def _markets(choice: Choice) -> Iterator[tuple[str, Market]]:
    if choice.wishes.spot != "no":
        for zone in _cheapest_first(choice):
            yield zone, "spot"
    if choice.wishes.spot != "yes":
        for zone in choice.zones:
            yield zone, "on-demand"


def _cheapest_first(choice: Choice) -> list[str]:
    """Return the zones by their spot price: the lowest is what the person was shown."""
    prices = {zone: choice.cloud.spot_price(choice.instance_type.name, zone) for zone in choice.zones}
    return sorted(choice.zones, key=lambda zone: price.per_hour if (price := prices[zone]) else float("inf"))


def _with_request(entry: JournalEntry, request: dict[str, Any]) -> JournalEntry:
    return replace(entry, request=request)


def _send(
    bench: Workbench, choice: Choice, entry: JournalEntry, request: dict[str, Any], step: Step, *, replays: int
) -> tuple[tuple[Instance, ...], JournalEntry]:
    """Journal the request, then send it; the same bytes again where no answer came. Each time is written down."""
    entry = _with_request(entry, request)
    for again in range(replays):
        entry = _about_to_send(bench, entry)
        try:
            made = choice.cloud.run(request)
        except UNANSWERED as exc:
            if again == replays - 1:
                raise
            step.say(f"{exc} Asking again.")
            time.sleep(_pause(entry, again, crowded=replays > REPLAYS))
            continue
        except LaunchUnclear:
            made = _made_before(bench, entry, step)
            if not made:
                raise
        return made, bench.records.journal.answered(entry, tuple(one.instance_id for one in made))
    raise AssertionError  # the loop returns or raises


def _made_before(bench: Workbench, entry: JournalEntry, step: Step) -> tuple[Instance, ...]:
    """Return what EC2 made of the token it says it knows, looking a few times: a new instance is not listed at once."""
    step.say("EC2 knows this request in another form; looking for what it made of it")
    cloud = bench.cloud(entry.region)
    for again in range(REPLAYS):
        if again:
            time.sleep(_pause(entry, again - 1, crowded=False))
        found = tuple(one for one in cloud.instances(launch_id=entry.launch_id) if one.state.alive)
        if found:
            return found
    return ()


def _about_to_send(bench: Workbench, entry: JournalEntry) -> JournalEntry:
    """Write down what is sent, and when: only long after the last time is its absence an answer."""
    return bench.records.journal.write(replace(entry, written=bench.now()))


def _pause(entry: JournalEntry, again: int, *, crowded: bool) -> float:
    """Return the seconds before a request is sent again; of many at once each has another."""
    usual: float = min(0.5 * 2**again, LONGEST_PAUSE_S)
    return usual * (0.5 + int(entry.launch_id[-2:], 16) / 255) if crowded else usual


def finish_unanswered(bench: Workbench, wishes: Wishes, operation: Operation) -> tuple[Instance, ...]:
    """Finish an earlier launch of this name whose answer was never seen (a crash, a cut connection).

    What exists is returned. What never reached EC2, or has ended since, is closed in the journal, so that it cannot
    be replayed by mistake later. What was asked for as somebody else (another profile) waits for that one.
    """
    journal = bench.records.journal
    for entry in journal.entries():
        if entry.name != wishes.name or not entry.unanswered or entry.owner != bench.clouds.identity().owner:
            continue
        with operation.step("unfinished", "An earlier launch was cut off; asking EC2 what became of it") as step:
            cloud = bench.cloud(entry.region)
            found = tuple(one for one in cloud.instances(launch_id=entry.launch_id) if one.state.alive)
            if not found and bench.now() - entry.written < ARRIVED_WITHIN_S and entry.request is not None:
                found = tuple(one for one in _replay(bench, entry, step) if one.state.alive)
            if found:
                journal.answered(entry, tuple(one.instance_id for one in found))
                step.say(f"It made {', '.join(one.instance_id for one in found)}; going on with that")
                return found
            _close(bench, entry)
            step.say("It made nothing that still exists")
    return ()


def just_made(bench: Workbench, name: str, operation: Operation) -> tuple[Instance, ...]:
    """Return what a launch of this name was given within the last minute, although EC2 may not list it yet.

    Its lists run behind, and a second instance would be made beside it.
    """
    entries = [one for one in bench.records.journal.entries() if one.name == name and one.ended is None]
    fresh = [one for one in entries if one.instance_ids and bench.now() - one.written < ARRIVED_WITHIN_S]
    if not fresh or fresh[-1].owner != bench.clouds.identity().owner:
        return ()
    with operation.step(
        "unfinished", "A launch of a moment ago is not on EC2's list yet; asking for it by its id"
    ) as step:
        cloud = bench.cloud(fresh[-1].region)
        try:
            found = tuple(cloud.instance(one) for one in fresh[-1].instance_ids)
        except InstanceGone:
            step.say("It made nothing that still exists")
            return ()
        step.say(f"It made {', '.join(one.instance_id for one in found)}; going on with that")
        return found


def note_found(bench: Workbench, found: Sequence[Instance]) -> None:
    """Take what is there for the answer nobody read; the request, with a host key in it, is forgotten."""
    for launch_id in {one.launch_id for one in found}:
        entry = bench.records.journal.read(launch_id)
        if entry is not None and entry.unanswered:
            ids = tuple(one.instance_id for one in found if one.launch_id == launch_id)
            bench.records.journal.answered(entry, ids)


def _replay(bench: Workbench, entry: JournalEntry, step: Step) -> tuple[Instance, ...]:
    step.say("Sending the same request again, with the same token")
    entry = _about_to_send(bench, entry)
    try:
        return bench.cloud(entry.region).run(entry.request or {})
    except LaunchUnclear:
        found = _made_before(bench, entry, step)
        if not found:
            raise
        return found
    except UNANSWERED:
        raise
    except AwsGpuError:  # refused, so nothing was made, then or now
        return ()
