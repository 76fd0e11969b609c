"""What `push` and `pull` share: the conversation, what differs, what would be overwritten, rate and time left."""

from __future__ import annotations

import os
import posixpath
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_awsgpu.errors import (
    BadValue,
    Interrupted,
    NeedsYes,
    NothingThere,
    RemoteCommandFailed,
    TransferFailed,
)
from jupyter_awsgpu.host import ssh_command
from jupyter_awsgpu.model import Transfer
from jupyter_awsgpu.records.pulls import Pulled
from jupyter_awsgpu.verbs.cell import size_text
from jupyter_awsgpu.verbs.connect import require_running
from jupyter_awsgpu.verbs.selection import endpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jupyter_awsgpu.model import Instance
    from jupyter_awsgpu.records import Operation, Step
    from jupyter_awsgpu.remote.files.compare import Difference, Going
    from jupyter_awsgpu.remote.files.conversation import Conversation
    from jupyter_awsgpu.remote.files.trees import Tree
    from jupyter_awsgpu.verbs.workbench import Workbench

TRIES = 5
"""How often a journey goes on after its connection broke, as long as each try moved something."""

TOLD_EVERY_S = 0.5
NAMED_AT_MOST = 5
THERE = "a path as the instance's Jupyter shows it, or one that begins with ~/ or /"


@dataclass(frozen=True, slots=True)
class Leg:
    """Paths below one folder here and one there."""

    here: Path
    there: str
    keys: tuple[str, ...]


@dataclass
class Meter:
    """Counts what has travelled and says so, with the rate and the time left."""

    step: Step
    size: int
    files: int
    done: int = 0
    finished: int = 0
    began: float = field(default_factory=time.monotonic)
    said_at: float = 0.0

    def told(self, size: int, files: int) -> None:
        """Count bytes and files that have gone."""
        self.done += size
        self.finished += files
        now = time.monotonic()
        if now - self.said_at >= TOLD_EVERY_S:
            self.said_at = now
            self.step.say(self.text(now), fraction=min(1.0, self.done / self.size) if self.size else None)

    def text(self, now: float) -> str:
        """Return how far it is."""
        rate = self.done / max(now - self.began, 1e-3)
        left = f", {max(0, self.size - self.done) / rate:.0f} s left" if rate else ""
        so_far = f"{size_text(self.done)} of {size_text(self.size)}"
        return f"{so_far}, {self.finished} of {self.files} files, {size_text(rate)}/s{left}"


class Way:
    """How to reach one running instance, as often as it takes."""

    def __init__(self, bench: Workbench, instance: Instance, verb: str) -> None:
        self._bench = bench
        self.instance = instance
        require_running(self.instance, f"{verb} files")
        self._endpoint = endpoint(bench, self.instance)
        self.ssh: list[str] = self._openssh() if shutil.which("ssh") else []

    def _openssh(self) -> list[str]:
        pins = self._bench.records.pins.read(self.instance.pin_id)
        known_hosts = self._bench.records.root / "known_hosts" / self.instance.instance_id
        return ssh_command(self._endpoint, known_hosts, pins, name=self.instance.name)

    def open(self) -> Conversation:
        """Return a conversation; by our own connection where OpenSSH's client does not get there.

        Raises the errors of the way in.
        """
        from jupyter_awsgpu.remote.files.conversation import Broken, Conversation

        if self.ssh:
            with suppress(Broken, OSError):
                return Conversation.by_openssh(self.ssh)
        one = self.instance
        host = self._bench.hosts.connect(self._endpoint, launch_id=one.pin_id, name=one.name)
        try:
            return Conversation.by_host(host)
        except Broken as exc:
            host.close()
            raise RemoteCommandFailed(name=one.name, command="python3", status="?", output=str(exc)) from exc


class Journey:
    """One `push` or `pull`, from its question to its end."""

    def __init__(self, bench: Workbench, verb: str, instance: Instance, *, everything: bool, yes: bool) -> None:
        self._bench = bench
        self.verb = verb
        self.push = verb == "push"
        self.way = Way(bench, instance, verb)
        self._everything = everything
        self._yes = yes
        self._moved = [0, 0]
        self._restless: list[str] = []
        self.pulled: dict[str, Pulled] = {}
        """What was asked for there, by whole paths; the time is that of the first look at it."""

    def travel(self, legs: Sequence[Leg], command: str) -> Transfer:
        """Bring every leg to its end. Raises `NeedsYes` before anything newer is overwritten."""
        one, began = self.way.instance, time.monotonic()
        with self._bench.records.operations.begin(self.verb, one.name, self._bench.listener) as operation:
            try:
                found = [self._leg(operation, leg, command) for leg in legs]
            except KeyboardInterrupt as exc:
                said = "What arrived stays, and the same line goes on from there."
                raise Interrupted(exists=said, command=command) from exc
        return Transfer(
            name=one.title,
            verb=self.verb,
            files=self._moved[1],
            size=self._moved[0],
            same=sum(same for same, _, _ in found),
            ignored=sum(ignored for _, ignored, _ in found),
            links=sum(links for _, _, links in found),
            restless=tuple(self._restless),
            seconds=time.monotonic() - began,
        )

    def _leg(self, operation: Operation, leg: Leg, command: str) -> tuple[int, int, int]:
        from jupyter_awsgpu.remote.files.conversation import Broken, Refusal

        tries = 0
        while True:
            before = self._moved[0]
            try:
                return self._once(operation, leg, command)
            except Refusal as exc:
                raise TransferFailed(name=self.way.instance.name, why=str(exc), command=command) from exc
            except Broken as exc:
                tries = 1 if self._moved[0] > before else tries + 1
                if tries >= TRIES:
                    raise TransferFailed(name=self.way.instance.name, why=str(exc), command=command) from exc
                time.sleep(0.5 * tries)

    def _once(self, operation: Operation, leg: Leg, command: str) -> tuple[int, int, int]:
        one = self.way.instance
        with operation.step("compare", f"Comparing with {one.title}") as step, self.way.open() as talk:
            source, there, differs = self._look(talk, leg)
            self._refuse_absent(source, leg)
            self._ask_about(differs, command)
            for number, key in enumerate(leg.keys):
                path = posixpath.join(there.root, key).rstrip("/") or "/"
                left_out = 0 if number else there.ignored  # by the leg, so that its sum is right
                self.pulled.setdefault(path, Pulled(path, there.now / 1e9, left_out))
            step.say(f"{len(differs.going)} files differ ({size_text(differs.size)}), {differs.same} are the same")
            if differs.going or (self.push and differs.stale):
                self._carry(operation, talk, leg, there.root, differs)
        return differs.same, source.ignored, source.links

    def _look(self, talk: Conversation, leg: Leg) -> tuple[Tree, Tree, Difference]:
        """Return the tree that files come from, the one on the instance, and what differs."""
        from jupyter_awsgpu.remote.files.compare import compare
        from jupyter_awsgpu.remote.files.trees import tree_here, tree_there

        keys = list(leg.keys)
        # what is left out at the end it comes from may well be at the other one: only one end's rules count
        talk.ask("list", leg.there, keys=keys)  # both ends look at the same time
        here = tree_here(leg.here, keys, everything=self._everything or not self.push)
        there = tree_there(talk, keys, everything=self._everything or self.push)
        source, target = (here, there) if self.push else (there, here)
        return source, there, compare(source.files, target.files, target.parts, target.beside)

    def _refuse_absent(self, source: Tree, leg: Leg) -> None:
        if source.absent:
            where = "this machine" if self.push else self.way.instance.name
            place = str(leg.here) if self.push else leg.there
            raise NothingThere(path=", ".join(source.absent), where=f"{where} (in {place})", verb=self.verb)

    def _ask_about(self, differs: Difference, command: str) -> None:
        if not differs.newer or self._yes:
            return
        names = ", ".join(one.key for one in differs.newer[:NAMED_AT_MOST])
        more = f" and {len(differs.newer) - NAMED_AT_MOST} more" if len(differs.newer) > NAMED_AT_MOST else ""
        where = self.way.instance.name if self.push else "this machine"
        count = "1 file is" if len(differs.newer) == 1 else f"{len(differs.newer)} files are"
        raise NeedsYes(what=f"{count} newer on {where} and would be overwritten: {names}{more}.", command=command)

    def _carry(self, operation: Operation, talk: Conversation, leg: Leg, place: str, differs: Difference) -> None:
        by_delta = [one for one in differs.going if self._worth_a_delta(one, talk)]
        rest = [one for one in differs.going if one not in by_delta] if by_delta else list(differs.going)
        with operation.step("carry", f"Carrying {size_text(differs.size)}") as step:
            meter = Meter(step, differs.size, len(differs.going))
            told = self._counting(meter)
            self._stream(talk, leg, rest, differs.stale, told)
            if by_delta:
                self._by_delta(talk, leg, place, by_delta, told)
            seconds = max(time.monotonic() - meter.began, 1e-3)
            rate = size_text(meter.done / seconds)
            step.say(f"{meter.finished} files, {size_text(meter.done)}, {rate}/s")

    def _worth_a_delta(self, one: Going, talk: Conversation) -> bool:
        from jupyter_awsgpu.remote.files import delta

        known = bool(self.way.ssh and talk.hello.get("rsync"))
        return known and one.changed and not one.offset and one.file.size >= delta.WORTH and delta.available()

    def _by_delta(
        self, talk: Conversation, leg: Leg, place: str, going: Sequence[Going], told: Callable[[int, int], None]
    ) -> None:
        """Carry what differs by rsync, then as a whole what that left: an old one there refuses, a disk is full.

        Where it was the connection that broke, the conversation is gone, too, and everything begins again.
        """
        from jupyter_awsgpu.remote.files import delta

        keys = [one.file.key for one in going]
        if delta.carry(self.way.ssh, str(leg.here), place, keys, push=self.push, told=told):
            return
        source, _, left = self._look(talk, Leg(leg.here, leg.there, tuple(keys)))
        self._restless += source.absent
        told(0, len(keys) - len(source.absent) - len(left.going))
        self._stream(talk, leg, left.going, (), told)

    def _counting(self, meter: Meter) -> Callable[[int, int], None]:
        def told(size: int, files: int) -> None:
            self._moved[0] += size
            self._moved[1] += files
            meter.told(size, files)

        return told

    def _stream(
        self,
        talk: Conversation,
        leg: Leg,
        going: Sequence[Going],
        stale: Sequence[str],
        told: Callable[[int, int], None],
    ) -> None:
        from jupyter_awsgpu.guest import files
        from jupyter_awsgpu.remote.files.conversation import Broken, Refusal, breaks

        wanted = [[one.file.key, one.offset] for one in going]
        try:
            if self.push:
                talk.ask("take", leg.there, stale=list(stale))
                with breaks():
                    files.send(talk.to, str(leg.here), wanted, told)  # type: ignore[arg-type]
                with breaks():
                    self._restless += [str(one) for one in talk.answer()["restless"]]
            elif wanted:
                talk.ask("send", leg.there, files=wanted)
                taker = files.Taker(str(leg.here), told)
                with breaks():
                    taker.take(talk.back)  # type: ignore[arg-type]
                self._restless += taker.restless
        except files.Refused as exc:
            raise Refusal(str(exc)) from exc
        except Broken:
            talk.hang_up()
            with suppress(Broken):  # why the other end left may lie in its last line
                talk.answer()
            raise


def legs_of(paths: Sequence[str], to: str, *, push: bool, cwd: Path) -> tuple[Leg, ...]:
    """Return the legs for paths as a person gives them. Pure.

    A path below this folder has the same place where the instance's Jupyter begins (or below `to`), and the
    other way round; one from elsewhere goes by its own name.
    """
    by_root: dict[tuple[Path, str], list[str]] = {}
    for path in paths:
        root, key = _split_here(path, cwd) if push else _split_there(path)
        pair = (Path(root), to or ".") if push else (cwd / to, root)
        by_root.setdefault(pair, []).append(key)
    return tuple(Leg(here, there, tuple(dict.fromkeys(keys))) for (here, there), keys in by_root.items())


def _split_here(path: str, cwd: Path) -> tuple[str, str]:
    whole = Path(os.path.normpath(cwd / Path(path).expanduser()))
    if whole.is_relative_to(cwd):
        key = whole.relative_to(cwd).as_posix()
        return str(cwd), "" if key == "." else key
    return str(whole.parent), whole.name


def _split_there(path: str) -> tuple[str, str]:
    plain = posixpath.normpath(path)
    if plain.startswith("..") or "\0" in plain:
        raise BadValue(option="PATH", value=repr(path), expected=f"it takes {THERE}", verb="pull")
    if plain == "~" or plain.startswith("~/"):
        return "~", plain[2:]
    if plain.startswith("/"):
        above, _, name = plain.rpartition("/")
        return above or "/", name
    return ".", "" if plain == "." else plain
