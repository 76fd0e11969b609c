"""`launch TYPE --count N`: machines by themselves, `NAME-1` to `NAME-N`, in parallel, for sweeps.

Each is a launch of its own: its RunInstances call, launch id, host keys, journal entry and tunnel. What stands in
the way, key pair and group are asked for once for all, and EC2 is asked about all of them together while they
boot. One that fails leaves the others; the same line goes on with what is there.
"""

from __future__ import annotations

from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from jupyter_awsgpu.cloud.parallel import parallel
from jupyter_awsgpu.errors import (
    AwsGpuError,
    BadValue,
    CredentialsError,
    ImageNotFound,
    Interrupted,
    NeedsYes,
    NotAllLaunched,
    OtherWishes,
    UsageError,
)
from jupyter_awsgpu.model import InstanceState
from jupyter_awsgpu.verbs.arrival import Way
from jupyter_awsgpu.verbs.attempts import finish_unanswered, just_made
from jupyter_awsgpu.verbs.choice import Choice, require_consent
from jupyter_awsgpu.verbs.crowd import Crowd
from jupyter_awsgpu.verbs.data import present, wished_volumes
from jupyter_awsgpu.verbs.environment import read_environment
from jupyter_awsgpu.verbs.image_here import bring_image, require_ready
from jupyter_awsgpu.verbs.launch import LOCK_WITHIN_S, asked_choice
from jupyter_awsgpu.verbs.one_of_many import Common, OneOfMany
from jupyter_awsgpu.verbs.selection import named, require_one
from jupyter_awsgpu.verbs.wishes import NAME, options, remedies_of, require_same_wishes

if TYPE_CHECKING:
    from jupyter_awsgpu.model import Identity, Instance, Volume, Wishes
    from jupyter_awsgpu.records import Operation
    from jupyter_awsgpu.verbs.workbench import Workbench

MOST = 100
"""A bound against a slip of the finger; EC2 itself gives launches at a measured pace."""

PORTS = 65535

AT_REST = (InstanceState.STOPPING, InstanceState.STOPPED)


def names_of(name: str, count: int) -> tuple[str, ...]:
    """Return the machines' names. Raises `BadValue` for a count or a name that cannot be.

    >>> names_of("gpu", 2)
    ('gpu-1', 'gpu-2')
    """
    if not 1 <= count <= MOST:
        expected = f"it takes 1 to {MOST} machines"
        raise BadValue(option="--count", value=str(count), expected=expected, verb="launch")
    names = tuple(f"{name}-{number}" for number in range(1, count + 1))
    if not NAME.fullmatch(names[-1]):
        expected = f"with --count {count} it becomes {names[-1]}, which is too long for a name"
        raise BadValue(option="--name", value=name, expected=expected, verb="launch")
    return names


def require_singles(wishes: Wishes, count: int) -> None:
    """Refuse a count of clusters. Raises `BadValue`."""
    if wishes.engine is not None or wishes.nodes > 1:
        expected = "it makes machines by themselves; --nodes alone says how many a cluster has"
        raise BadValue(option="--count", value=str(count), expected=expected, verb="launch")


def launch_many(
    bench: Workbench, wishes: Wishes, count: int, *, yes: bool = False, open_browser: bool = False
) -> tuple[Instance, ...]:
    """Launch, or continue, `count` machines, and return them by number, each with its tunnel open.

    Killed or interrupted anywhere, the same call goes on from what exists. Raises what `launch` raises where
    nothing could begin, `NotAllLaunched` where some failed and others did not.
    """
    names = names_of(wishes.name, count)
    require_singles(wishes, count)
    environment = read_environment(wishes.environment)
    way = Way(
        local_port=wishes.local_port,
        open_browser=open_browser,
        brings=((environment.file, environment.text),) if environment else (),
    )
    with ExitStack() as locks:
        for name in names:
            locks.enter_context(bench.records.lock(name, timeout_s=LOCK_WITHIN_S))
        with bench.records.operations.begin("launch", f"{names[0]}..{count}", bench.listener) as operation:
            if environment and environment.skipped:
                bench.hear(operation, "environment", environment.left_out)
            return _Many(bench, wishes, names, operation, way).go(yes=yes)


@dataclass
class _Known:
    """What AWS said at the start: who we are, and what has these names; and which of it was asked to start."""

    identity: Identity
    existing: dict[str, Instance] = field(default_factory=dict)
    data: dict[str, Volume | None] = field(default_factory=dict)
    started: set[str] = field(default_factory=set)

    @property
    def at_rest(self) -> set[str]:
        """The names of machines that cost nothing by the hour."""
        return {name for name, one in self.existing.items() if one.state in AT_REST} - self.started


class _Many:
    """One run of the verb."""

    def __init__(
        self, bench: Workbench, wishes: Wishes, names: tuple[str, ...], operation: Operation, way: Way
    ) -> None:
        self.bench = bench
        self.wishes = wishes
        self.names = names
        self.operation = operation
        self.way = way
        self.known: _Known | None = None

    @property
    def command(self) -> str:
        """The line that goes on from what is there."""
        return f"awsgpu launch {self.wishes.instance_type}{options(self.wishes)} --count {len(self.names)}"

    def go(self, *, yes: bool) -> tuple[Instance, ...]:
        try:
            return self._go(yes=yes)
        except KeyboardInterrupt as exc:
            raise self._interrupted() from exc

    def _go(self, *, yes: bool) -> tuple[Instance, ...]:
        try:
            known, choice = self._choose(yes=yes)
        except AwsGpuError as exc:
            self._speak_for_all(exc)
            raise
        common = Common(self.bench, known.identity, len(self.names) - len(known.existing))
        self._start_stopped(known)

        def one(name: str) -> Instance:
            return self._one(name, known, choice, common, yes=yes)

        with self.operation.step("machines", f"Launching {len(self.names)} machines") as step:
            crowd = Crowd(self.names, one, lambda ready, failed: step.say(_standing(ready, failed, len(self.names))))
            try:
                done, failed = crowd.run()
            except KeyboardInterrupt:
                common.stop()
                raise
        if failed:
            raise self._failure(done, failed)
        return tuple(done[name] for name in self.names)

    # ── asked once ───────────────────────────────────────────────────────────────────────────

    def _choose(self, *, yes: bool) -> tuple[_Known, Choice | AwsGpuError]:
        """Return what exists and what the missing ones will be; nothing is made before that is known and agreed to."""
        known, choice = self._ask()
        if isinstance(choice, UsageError | CredentialsError):
            raise choice
        self._finish_unanswered(known)
        missing = [name for name in self.names if name not in known.existing]
        if not missing:
            return known, choice
        if isinstance(choice, AwsGpuError) and len(missing) < len(self.names):
            choice = self._cleared(len(missing))  # it refused all of them, and fewer are wanted
        if isinstance(choice, ImageNotFound):
            self.wishes = bring_image(self.bench, self.wishes, choice, self.operation, yes=yes)
            choice = self._cleared(len(missing))
        if isinstance(choice, Choice):
            require_ready(choice, self.operation)
            require_consent(self.bench, _of(choice, replace(choice.wishes, nodes=len(missing))), yes=yes)
        elif not self.wishes.any_region:
            raise choice
        return known, choice

    def _ask(self) -> tuple[_Known, Choice | AwsGpuError]:
        with self.operation.step("account", "Asking AWS what exists and what stands in the way") as step:
            with parallel(4) as pool:
                identity = pool.submit(self.bench.clouds.identity)
                existing = pool.submit(named, self.bench, self.names, self.wishes.region)
                choice = pool.submit(self._cleared, len(self.names))
                data = pool.submit(wished_volumes, self.bench, self.wishes)
                known = self.known = _Known(identity.result())
                mine = [one for one in existing.result() if one.owner == known.identity.owner]
                for name in self.names:
                    require_one(name, (one for one in mine if one.name == name))
                known.existing = {one.name: one for one in mine}
                found = data.result()
                known.data = {name: present(one for one in found if one.name == name) for name in self.names}
            answer = choice.result()
            clear = "" if mine or isinstance(answer, AwsGpuError) else ": nothing stands in the way"
            step.say(f"AWS account {known.identity.account}{clear}")
            return known, answer

    def _cleared(self, count: int) -> Choice | AwsGpuError:
        return asked_choice(self.bench, replace(self.wishes, nodes=count))

    def _finish_unanswered(self, known: _Known) -> None:
        entries = self.bench.records.journal.entries()
        cut_off = {entry.name for entry in entries if entry.unanswered}
        given = {entry.name for entry in entries if entry.instance_ids and entry.ended is None}
        for name in cut_off & set(self.names) - set(known.existing):
            found = finish_unanswered(self.bench, replace(self.wishes, name=name), self.operation)
            known.existing |= {one.name: one for one in found}
        for name in given & set(self.names) - set(known.existing):
            known.existing |= {one.name: one for one in just_made(self.bench, name, self.operation)}

    def _start_stopped(self, known: _Known) -> None:
        """Start what is stopped by one question a region; where that is refused, each one is asked for by itself.

        A machine that is not what is asked for stays as it is: its own launch refuses it.
        """
        stopped: dict[str, list[Instance]] = {}
        for one in known.existing.values():
            with suppress(OtherWishes):
                require_same_wishes(self.wishes, one)
                if one.state in AT_REST:
                    known.started.add(one.name)
                if one.state is InstanceState.STOPPED:
                    stopped.setdefault(one.region, []).append(one)
        for region, some in stopped.items():
            with self.operation.step("start", f"Asking EC2 to start {len(some)} machines"), suppress(AwsGpuError):
                self.bench.cloud(region).start(*(one.instance_id for one in some))
                known.existing |= {one.name: replace(one, state=InstanceState.PENDING) for one in some}

    # ── each by itself ───────────────────────────────────────────────────────────────────────

    def _one(self, name: str, known: _Known, choice: Choice | AwsGpuError, common: Common, *, yes: bool) -> Instance:
        number = self.names.index(name)
        wishes = replace(self.wishes, name=name, local_port=min(self.wishes.local_port + number, PORTS))
        listener = common.listening(self.bench.listener)
        with self.bench.records.operations.begin("launch", name, listener) as operation, remedies_of(wishes):
            way = replace(self.way, local_port=wishes.local_port)
            one = OneOfMany(self.bench, wishes, operation, way, common)
            mine = choice if isinstance(choice, AwsGpuError) else _of(choice, wishes)
            return one.go_on(known.existing.get(name), known.data.get(name), mine, yes=yes)

    # ── what is said in the end ──────────────────────────────────────────────────────────────

    def _speak_for_all(self, error: AwsGpuError) -> None:
        """Let a remedy that launches be this very line."""
        more = options(self.wishes, error.speaks_for)
        error.facts.update({"instance_type": self.wishes.instance_type, "options": f"{more} --count {len(self.names)}"})
        if isinstance(error, NeedsYes):
            error.facts["command"] = self.command

    def _failure(self, done: dict[str, Instance], failed: dict[str, AwsGpuError]) -> AwsGpuError:
        kinds = {type(error) for error in failed.values()}
        if not done and len(kinds) == 1:
            only = next(iter(failed.values()))
            self._speak_for_all(only)
            return only
        said = "; ".join(f"{name}: {error.message.rstrip('.')}" for name, error in failed.items())
        command = self.command + (" --yes" if NeedsYes in kinds else "")
        return NotAllLaunched(ready=len(done), count=len(self.names), failed=said, command=command)

    def _interrupted(self) -> Interrupted:
        exist = self._that_cost()
        exists = "Nothing was created."
        if len(exist) == 1:
            exists = f"{exist[0]} exists and costs money until you stop it."
        elif exist:
            exists = f"{', '.join(exist)} exist and cost money until you stop them."
        return Interrupted(exists=exists, command=self.command)

    def _that_cost(self) -> list[str]:
        """Return the names of what runs, or was asked to: by the journal, and by what AWS said at the start."""
        journal = self.bench.records.journal.entries()
        there = {one.name for one in journal if one.ended is None and (one.instance_ids or one.unanswered)}
        if self.known is not None:
            there = (there | self.known.existing.keys()) - self.known.at_rest
        return [name for name in self.names if name in there]


def _of(choice: Choice, wishes: Wishes) -> Choice:
    return replace(choice, wishes=wishes)


def _standing(ready: int, failed: int, count: int) -> str:
    return f"{ready} of {count} machines are ready" + (f", {failed} failed" if failed else "")
