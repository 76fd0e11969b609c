"""`launch`: from a wish to a link that opens, resumable at every step."""

from __future__ import annotations

import secrets
import threading
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu._version import __version__
from jupyter_awsgpu.cloud import NO_KEY_PAIR
from jupyter_awsgpu.cloud.parallel import parallel
from jupyter_awsgpu.errors import (
    AwsGpuError,
    AwsRefused,
    ChoiceError,
    CredentialsError,
    ImageNotFound,
    InstanceGone,
    Interrupted,
    NoCapacity,
    NoCapacityAnywhere,
    PermissionDenied,
    QuotaTooLow,
    SpotQuotaTooLow,
    TypeNotOffered,
    UsageError,
)
from jupyter_awsgpu.host import generate_host_key
from jupyter_awsgpu.model import InstanceState, pin_id
from jupyter_awsgpu.records import JournalEntry
from jupyter_awsgpu.remote.packed import make_ready
from jupyter_awsgpu.remote.user_data import GuestConfig, user_data
from jupyter_awsgpu.verbs.access import ensure_access, resource_tags, tell_access
from jupyter_awsgpu.verbs.arrival import Way
from jupyter_awsgpu.verbs.attempts import OPEN, REPLAYS, attempt_launch, finish_unanswered, just_made, note_found
from jupyter_awsgpu.verbs.choice import Choice, require_consent
from jupyter_awsgpu.verbs.choosing import regions
from jupyter_awsgpu.verbs.cluster import (
    Place,
    assemble,
    cluster_tags,
    drop_placement,
    ensure_nodes_group,
    ensure_placement,
    missing,
    place_tags,
    roll_back,
)
from jupyter_awsgpu.verbs.data import attach_data, bring, near_data, no_capacity, present, wished_volumes
from jupyter_awsgpu.verbs.environment import read_environment
from jupyter_awsgpu.verbs.estimate import UNCAPPED, capped
from jupyter_awsgpu.verbs.guard import arm_guard, drop_prepared, guard_tags, prepare_guard
from jupyter_awsgpu.verbs.image_here import bring_image, require_ready
from jupyter_awsgpu.verbs.mirrors import guest_settings
from jupyter_awsgpu.verbs.preflight import cleared, forget_permission
from jupyter_awsgpu.verbs.rates import hourly_rate
from jupyter_awsgpu.verbs.selection import named, require_one, with_tunnel
from jupyter_awsgpu.verbs.start import start_all, wait_until_all_run
from jupyter_awsgpu.verbs.wishes import options, remedies_of, require_same_wishes

if TYPE_CHECKING:
    from jupyter_awsgpu.cloud.request import ByPrice, Request
    from jupyter_awsgpu.model import Identity, Instance, Offer, Price, Volume, Wishes
    from jupyter_awsgpu.records import Operation
    from jupyter_awsgpu.verbs.access import Access
    from jupyter_awsgpu.verbs.workbench import Workbench

HERE_ONLY = (NoCapacity, TypeNotOffered, QuotaTooLow, SpotQuotaTooLow)
"""Refusals that are of one region: another may have it."""

LOCK_WITHIN_S = 900.0
"""How long a second launch of the same name waits for the first, to continue what it made."""


@dataclass(frozen=True)
class _Known:
    """What AWS said at the start: who we are, and what has this name."""

    identity: Identity
    existing: tuple[Instance, ...]
    data: Volume | None = None


def launch(bench: Workbench, wishes: Wishes, *, yes: bool = False, open_browser: bool = False) -> Instance:
    """Launch, or continue, the instance `wishes.name` and return it with its tunnel open.

    Killed or interrupted anywhere, the same call goes on from what exists and never makes a second
    instance. Raises any error of the tree; nothing is created before the wish is known to fit.
    """
    environment = read_environment(wishes.environment)
    brings = ((environment.file, environment.text),) if environment else ()
    way = Way(local_port=wishes.local_port, open_browser=open_browser, brings=brings)
    with (
        bench.records.lock(wishes.name, timeout_s=LOCK_WITHIN_S),
        bench.records.operations.begin("launch", wishes.name, bench.listener) as operation,
    ):
        if environment and environment.skipped:
            bench.hear(operation, "environment", environment.left_out)
        try:
            with remedies_of(wishes):
                return Launch(bench, wishes, operation, way).go(yes=yes)
        except KeyboardInterrupt as exc:
            raise _interrupted(bench, wishes) from exc


def _interrupted(bench: Workbench, wishes: Wishes) -> Interrupted:
    mine = [entry for entry in bench.records.journal.entries() if entry.name == wishes.name and entry.ended is None]
    exists = "Nothing was created."
    if mine and mine[-1].instance_ids:
        exists = f"{wishes.name} ({', '.join(mine[-1].instance_ids)}) exists and costs money until you stop it."
    elif mine and mine[-1].unanswered:
        exists = f"{wishes.name} may have been created; the same command finds out."
    return Interrupted(exists=exists, command=f"awsgpu launch {wishes.instance_type}{options(wishes)}")


class Launch:
    """One run of the verb."""

    replays = REPLAYS
    """How often a request without answer is sent again."""

    def __init__(self, bench: Workbench, wishes: Wishes, operation: Operation, way: Way) -> None:
        self.bench = bench
        self.wishes = wishes
        self.operation = operation
        self.way = way
        self.data_gb = wishes.data_gb or 0

    def go(self, *, yes: bool) -> Instance:
        """Bring what has the name, or will have it, to its link."""
        known, choice = self._ask()
        if isinstance(choice, UsageError | CredentialsError):
            raise choice  # a slip of the pen is none the better for an instance of that name
        existing = (
            known.existing
            or finish_unanswered(self.bench, self.wishes, self.operation)
            or just_made(self.bench, self.wishes.name, self.operation)
        )
        if existing:
            return self._continue(existing, known, yes=yes)
        if isinstance(choice, ImageNotFound):
            self.wishes = bring_image(self.bench, self.wishes, choice, self.operation, yes=yes)
            choice = self._ask()[1]
        if isinstance(choice, Choice):
            require_ready(choice, self.operation)
        if not isinstance(choice, AwsGpuError):
            require_consent(self.bench, choice, yes=yes)
            choice = near_data(choice, known.data, yes=yes)
        made = self._create_somewhere(known.identity, choice, known.data, yes=yes)
        return self._arrive(made, known.data, booting=True)

    def _ask(self) -> tuple[_Known, Choice | AwsGpuError]:
        with self.operation.step("account", "Asking AWS what exists and what stands in the way") as step:
            threading.Thread(target=make_ready, args=(self.bench.clouds.cache,), daemon=True).start()
            with parallel(4) as pool:
                identity = pool.submit(self.bench.clouds.identity)
                existing = pool.submit(named, self.bench, self.wishes.name, self.wishes.region)
                choice = pool.submit(asked_choice, self.bench, self.wishes)
                data = pool.submit(wished_volumes, self.bench, self.wishes, self.wishes.name)
                known = _Known(identity.result(), ())
                mine = tuple(one for one in existing.result() if one.owner == known.identity.owner)
                known = replace(known, existing=mine, data=present(data.result()))
            self.data_gb = self.wishes.data_gb or (known.data.gb if known.data else 0)
            answer = choice.result()
            clear = "" if mine or isinstance(answer, AwsGpuError) else ": nothing stands in the way"
            step.say(f"AWS account {known.identity.account}{clear}")
            return known, answer

    def _continue(self, found: tuple[Instance, ...], known: _Known, *, yes: bool) -> Instance:
        require_one(self.wishes.name, found)
        note_found(self.bench, found)
        require_same_wishes(self.wishes, found[0])
        nodes = self._with_unanswered(found)
        booting = len(nodes) > len(found) or any(one.state is not InstanceState.RUNNING for one in nodes)
        nodes = start_all(self.bench, nodes, self.operation) if booting else nodes
        if missing(nodes):
            nodes, booting = self._replace_missing(nodes, known.identity, yes=yes), True
        if not booting:
            arm_guard(self.bench, nodes, self.operation)
        return self._arrive(tuple(with_tunnel(self.bench, one) for one in nodes), known.data, booting=booting)

    def _with_unanswered(self, found: tuple[Instance, ...]) -> tuple[Instance, ...]:
        """Return a cluster's machines with those that were asked for in another's place, and never answered."""
        nodes = found
        while missing(nodes) and (more := finish_unanswered(self.bench, self.wishes, self.operation)):
            nodes = (*nodes, *(one for one in more if one.cluster_id == found[0].cluster_id))
        return tuple(sorted(nodes, key=lambda one: one.node))

    def _replace_missing(self, nodes: tuple[Instance, ...], identity: Identity, *, yes: bool) -> tuple[Instance, ...]:
        """Launch machines in the place of a cluster's that are gone; return all of them.

        From the very image of the others: a newer build has other versions, and a cluster's must agree.
        """
        numbers, one = missing(nodes), nodes[0]
        wishes = replace(self.wishes, nodes=len(numbers), region=one.region, zone=one.zone, image=one.image_id)
        choice = cleared(self.bench, wishes)
        require_consent(self.bench, choice, yes=yes)
        made = [self._attempt(identity, choice, Place(number, one.cluster_id))[0] for number in numbers]
        return tuple(sorted((*nodes, *made), key=lambda each: each.node))

    def _create_somewhere(
        self, identity: Identity, choice: Choice | AwsGpuError, data: Volume | None, *, yes: bool
    ) -> tuple[Instance, ...]:
        """Create in the chosen region or, with `--any-region`, in the next cheapest that lets this account have it."""
        bound = not self.wishes.any_region or (data is not None and self.wishes.data_gb is not None)
        home = self.bench.cloud(self.wishes.region).region
        try:
            if isinstance(choice, AwsGpuError):
                raise choice
            return self._create(identity, choice)
        except HERE_ONLY as exc:
            if bound and isinstance(exc, NoCapacity) and not isinstance(choice, AwsGpuError):
                raise no_capacity(exc, choice, data) from exc
            if bound:
                raise
            refusal, tried = exc, [str(exc.facts.get("tried", f"{home} ({exc.code})"))]
        for region in self._other_regions(home):
            try:
                return self._create(identity, self._choice_in(region, yes=yes))
            except (ChoiceError, *HERE_ONLY) as exc:
                tried.append(f"{region} ({exc.facts.get('tried', exc.code)})")
        raise NoCapacityAnywhere(None, **refusal.facts | {"tried": ", ".join(tried)}) from refusal

    def _choice_in(self, region: str, *, yes: bool) -> Choice:
        """Return what another region would give, once it is agreed to. Raises what refuses it there."""
        other = cleared(self.bench, replace(self.wishes, region=region, zone=None))
        require_consent(self.bench, other, yes=yes)
        return other

    def _other_regions(self, tried: str) -> list[str]:
        with self.operation.step("regions", "Looking for the next cheapest region") as step:
            spot = self.wishes.spot == "yes"
            offers = regions(self.bench, self.wishes.instance_type, spot=spot)
            if spot:
                offers = tuple(sorted(offers, key=_spot_costs))
            others = [one.region for one in offers if one.region != tried]
            step.say(f"Next: {', '.join(others) or 'none'}")
            return others

    def _create(self, identity: Identity, choice: Choice) -> tuple[Instance, ...]:
        try:
            return self._attempt(identity, choice)
        except PermissionDenied:
            forget_permission(self.bench, choice.cloud, identity.owner)
            raise
        except AwsRefused as exc:
            if exc.facts.get("aws_code") != NO_KEY_PAIR:
                raise
        return self._attempt(identity, choice)  # it was deleted since it was last seen: now it is imported anew

    def _attempt(self, identity: Identity, choice: Choice, place: Place | None = None) -> tuple[Instance, ...]:
        """Create what the wishes say or, with a `place`, the one machine that takes it in a cluster."""
        with self.operation.step("choice", "Choosing image, zone and price") as step:
            step.say(_sentence(choice))
        launch_id = f"l-{secrets.token_hex(8)}"
        has = self._tags(identity, launch_id, choice) | place_tags(place)
        request, by_price = self._request(identity, choice, launch_id, has, place)
        entry = JournalEntry(
            launch_id=launch_id,
            name=self.wishes.name,
            owner=identity.owner,
            region=choice.cloud.region,
            written=self.bench.now(),
            wishes=_plain(self.wishes),
        )
        try:
            made = self._requested(choice, entry, request, by_price)
        except AwsGpuError as exc:
            if not isinstance(exc, OPEN):
                drop_prepared(self.bench, choice.cloud, launch_id, has)
                drop_placement(choice, launch_id)
            raise
        arm_guard(self.bench, made, self.operation)
        try:
            return self._running(made)
        except InstanceGone as exc:
            if len(made) == 1:
                raise
            raise roll_back(self.bench, made, exc) from exc

    def _request(
        self, identity: Identity, choice: Choice, launch_id: str, has: dict[str, str], place: Place | None
    ) -> tuple[Request, ByPrice]:
        """Make what a launch needs beside its machines; return the request for these, and what counts its money."""
        count = 1 if place else self.wishes.nodes
        with self.operation.step("access", "Key pair and security group") as step, parallel(1) as pool:
            brought = pool.submit(self._brought, launch_id, choice, count)
            try:
                access = self._access(identity, choice)
                more_groups = ensure_nodes_group(choice, identity)
                placement = ensure_placement(choice, identity, launch_id, place)
            except AwsGpuError:
                brought.result()
                self.bench.records.pins.forget_launch(launch_id)
                raise
            tell_access(step, self.bench, self.wishes, access)
            by_price = brought.result()
        prepare_guard(self.bench, choice.cloud, launch_id, has, self.operation)
        request = choice.cloud.launch_request(
            wishes=replace(self.wishes, disk_gb=choice.disk_gb, nodes=count),
            image=choice.image,
            zone=None,
            key_name=access.key_name,
            group_ids=(*access.group_ids, *more_groups),
            user_data=by_price(choice.paid)[1],
            client_token=launch_id,
            tags=has,
            price=choice.paid,
            placement_group=placement,
        )
        return request, by_price

    def _access(self, identity: Identity, choice: Choice) -> Access:
        return ensure_access(self.bench, choice.cloud, identity, self.wishes, choice.vpc_id)

    def _requested(
        self, choice: Choice, entry: JournalEntry, request: dict[str, Any], by_price: ByPrice
    ) -> tuple[Instance, ...]:
        return attempt_launch(
            self.bench, choice, entry, request, self.operation, by_price=by_price, replays=self.replays
        )

    def _running(self, made: tuple[Instance, ...]) -> tuple[Instance, ...]:
        return wait_until_all_run(self.bench, made, self.operation)

    def _brought(self, launch_id: str, choice: Choice, count: int) -> ByPrice:
        """Pin a first host key for `count` machines and return what makes, for a price, the user data that brings it.

        Made while AWS is asked for key and group. Each zone and market has its price, and which one a machine is
        bought at is known only with the request: every request's limits of money are counted at its own.
        """
        private, public = generate_host_key()
        for index in range(count):
            self.bench.records.pins.write(pin_id(launch_id, index), (public,))

        @cache
        def at_rate(rate: float | None) -> bytes:
            return user_data(self._guest_config(launch_id, choice, rate), (private, public), choice.image.user)

        def by_price(price: Price | None) -> tuple[dict[str, str], bytes]:
            return self._guard_tags(choice, price), at_rate(self._rate(choice, price))

        by_price(choice.paid)
        return by_price

    def _tags(self, identity: Identity, launch_id: str, choice: Choice) -> dict[str, str]:
        more = {
            "name": self.wishes.name,
            "launch_id": launch_id,
            "image": self.wishes.image or "auto",
            "user": choice.image.user,
            "version": __version__,
        }
        if choice.paid is not None:
            more["price"] = f"{choice.paid.per_hour:g} {choice.paid.currency}"
        has = {"Name": f"awsgpu-{self.wishes.name}", **resource_tags(identity, **more), **cluster_tags(self.wishes)}
        return has | self._guard_tags(choice, choice.paid)

    def _guard_tags(self, choice: Choice, price: Price | None) -> dict[str, str]:
        rate = self._rate(choice, price)
        return guard_tags(self.wishes, rate and rate * self.wishes.nodes)

    def _rate(self, choice: Choice, price: Price | None) -> float | None:
        """Return what an hour of it costs in all, at a price of its own."""
        return hourly_rate(choice.cloud, price.per_hour if price else None, choice.disk_gb, self.data_gb)

    def _guest_config(self, launch_id: str, choice: Choice, rate: float | None) -> GuestConfig:
        wishes, settings = self.wishes, self.bench.settings
        return GuestConfig(
            name=wishes.name,
            launch_id=launch_id,
            instance_user=choice.image.user,
            idle_stop_minutes=wishes.idle_stop_minutes,
            on_idle="terminate" if wishes.spot == "yes" else wishes.on_idle,
            max_hours=wishes.max_hours,
            budget=wishes.budget and wishes.budget / wishes.nodes,  # every machine of a cluster has its share
            price_per_hour=rate,
            python=wishes.python,
            cuda=wishes.cuda,
            environment=self.way.brings[0][0] if self.way.brings else None,
            version=__version__,
            engine=wishes.engine,
            nodes=wishes.nodes,
            **guest_settings(settings),
        )

    def _arrive(self, made: tuple[Instance, ...], data: Volume | None, *, booting: bool) -> Instance:
        instance = made[0]
        attached = attach_data(self.bench, instance, self.wishes, data, self.operation)
        way = self.way
        if attached is not None:
            way = replace(way, brings=(*way.brings, bring(attached, instance)))
        return replace(assemble(self.bench, made, self.operation, way, booting=booting), data_volume=attached)


def _spot_costs(offer: Offer) -> float:
    return offer.spot_price.per_hour if offer.spot_price else float("inf")


def asked_choice(bench: Workbench, wishes: Wishes) -> Choice | AwsGpuError:
    """Ask what stands in the way, keeping a refusal for later: an existing instance needs no choice."""
    try:
        return cleared(bench, wishes)
    except AwsGpuError as exc:
        return exc


def _sentence(choice: Choice) -> str:
    itype, price = choice.instance_type, choice.paid
    gpu = f" ({itype.gpu})" if itype.gpu else ""
    cost = f", {price}" if price else ""
    if choice.wishes.nodes > 1:
        gpu = f" x {choice.wishes.nodes}{gpu}"
        cost = f", {price.times(choice.wishes.nodes)} in all" if price else ""
    cap = "" if capped(choice.wishes, price) else f"; {UNCAPPED}"
    return f"{itype.name}{gpu}{cost}, {choice.image.name}, {choice.disk_gb} GB disk, {choice.cloud.region}{cap}"


def _plain(wishes: Wishes) -> dict[str, object]:
    """Return the wishes as JSON-able values for the journal."""
    fields = asdict(wishes)
    fields["key_file"] = str(wishes.key_file.expanduser().resolve()) if wishes.key_file else None
    return fields
