"""The crash matrix: each verb that changes something, ended at each boundary it passes.

After each death four things are asked. Does `status` or `cleanup` show all that AWS bills, on this laptop and on
another one? Is there one instance at most for a launch id? Does the same command, given again, reach the normal
end? Is every temporary file gone, and no lock left?

Two deaths that have done the same at AWS, over SSH and to the files here leave one world behind: it is asked once.
How far an instance has come by itself meanwhile is chance in each of them.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.matrix.laptop import READING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.matrix.laptop import Account, Answer, Laptop, Left, Mark

HOWS = ("kill", "interrupt")
REPEATED = 3
"""Of a boundary that a wait passes again and again, this many are tried: the fourth look at EC2 is the third."""

READS_THERE = re.compile(r"awsgpu-guest (status|jupyter) |/share/jupyter/kernels")
"""SSH commands that change nothing."""

WRITTEN_WITHIN_S = 60.0
"""A report comes every few seconds, and the next one takes away what a dead writer left beside it."""

SCRIPT = str(Path(__file__).with_name("work.py"))
LAUNCH = ("launch", "p2.xlarge", "--yes", "--no-open")
STOP, START = ("stop", "gpu"), ("start", "gpu", "--no-open")
DISCONNECT = ("disconnect", "gpu")
KINDS = ("instance", "image", "snapshot", "volume", "address", "schedule", "security group", "key pair")
GONE = ("no-such-instance",)
CLEAR_ALL = ("cleanup", "--yes", *(word for kind in KINDS for word in ("--kind", kind)))
SEVERAL = (*LAUNCH, "--nodes", "2", "--engine", "dask")
SENT, STOPPED, STARTED, TERMINATED = (f"before {call}Instances #1" for call in ("Run", "Stop", "Start", "Terminate"))
LOSE = ("terminate", "gpu/1", "--yes")


class Lost(AssertionError):
    """Something was lost, left or doubled: the finding the matrix looks for."""


class NotMet(Exception):
    """The verb did not pass the boundary at which it was to die."""


@dataclass(frozen=True)
class Case:
    """A verb: what must be there before, the command, and what holds in the end."""

    name: str
    command: tuple[str, ...]
    ended: Callable[[Laptop], bool]
    before: tuple[tuple[str, ...], ...] = ()
    gone: tuple[str, ...] = ()
    """Error names that also are a normal end of the second command: what it asks for has happened."""
    back: tuple[tuple[str, ...], ...] | None = None
    """What leads from its end to its beginning again, so that the next trial needs no launch; None: nothing does."""
    like: str = ""
    """The verb of whose kind it is: where that one comes too, the same code answers Ctrl-C, and it is tried there."""
    waist: str = ""
    """The boundary before its great change, which all ways to its end pass, if there is one."""


def states(laptop: Laptop) -> list[str]:
    """Return the states of all instances that `status` shows."""
    return sorted(one["state"] for one in laptop.run("status").document)


def is_up(laptop: Laptop) -> bool:
    """Whether one instance runs and its Jupyter answers through the tunnel."""
    rows = laptop.run("status").document
    return [row["state"] for row in rows] == ["running"] and bool(rows[0]["tunnel"]) and bool(_token(laptop))


def are_up(laptop: Laptop) -> bool:
    """Whether two machines run as one cluster, and the head's Jupyter answers through the tunnel."""
    rows = laptop.run("status").document
    whole = [(row["node"], row["state"]) for row in rows] == [(0, "running"), (1, "running")]
    return whole and bool(rows[0]["tunnel"]) and bool(_token(laptop)) and laptop.run("dask").document["workers"] == 2


def _token(laptop: Laptop) -> str:
    answer = laptop.run("token")
    return str(answer.document["token"]) if answer.status == 0 else ""


def has_image(laptop: Laptop) -> bool:
    """Whether one image of ours is whole, and nothing else of the making is left."""
    kinds = [row["kind"] for row in laptop.ask("ledger")["resources"] if row["state"] in ("available", "completed")]
    return kinds.count("image") == 1 and kinds.count("snapshot") == 1


def has_room(laptop: Laptop) -> bool:
    """Whether the root disk is as large as was asked for."""
    return [row["root_gb"] for row in laptop.run("status").document] == [200]


def has_run(laptop: Laptop) -> bool:
    """Whether the script has run to its end, once at least."""
    return "done" in [row["state"] for row in laptop.run("runs").document]


def is_free(laptop: Laptop) -> bool:
    """Whether nothing bills."""
    return not laptop.billing()


CASES = (
    Case("launch", LAUNCH, is_up, waist=SENT),
    Case("launch --spot", (*LAUNCH, "--spot"), is_up, like="launch", waist=SENT),
    Case("launch --data", (*LAUNCH, "--data", "8"), is_up, like="launch", waist=SENT),
    Case("launch --nodes", SEVERAL, are_up, like="launch", waist=SENT),
    Case("launch in a lost node's place", SEVERAL, are_up, before=(SEVERAL, LOSE), back=(LOSE,), like="launch"),
    Case("stop", STOP, lambda laptop: states(laptop) == ["stopped"], before=(LAUNCH,), back=(START,), waist=STOPPED),
    Case("start", START, is_up, before=(LAUNCH, STOP), back=(STOP,), waist=STARTED),
    Case("connect", ("connect", "gpu"), is_up, before=(LAUNCH, DISCONNECT), back=(DISCONNECT,)),
    Case("provision", ("provision", "gpu"), is_up, before=(LAUNCH,), back=()),
    Case(
        "resize",
        ("resize", "gpu", "--disk", "200", "--yes"),
        has_room,
        before=(LAUNCH,),
        waist="before ModifyVolume #1",
    ),
    Case("run", ("run", SCRIPT), has_run, before=(LAUNCH,)),
    Case(
        "image",
        ("image", "gpu", "--name", "kept"),
        has_image,
        before=(LAUNCH,),
        back=(("images", "--delete", "kept", "--yes"),),
        waist=STOPPED,
    ),
    Case(
        "image --then-terminate",
        ("image", "gpu", "--name", "kept", "--then-terminate", "--yes"),
        lambda laptop: has_image(laptop) and states(laptop) == [],
        before=(LAUNCH,),
        gone=GONE,
        like="image",
        waist=STOPPED,
    ),
    Case(
        "terminate",
        ("terminate", "gpu", "--yes"),
        lambda laptop: states(laptop) == [],
        before=(LAUNCH,),
        gone=GONE,
        waist=TERMINATED,
    ),
    Case(
        "terminate --nodes",
        ("terminate", "gpu", "--yes"),
        lambda laptop: states(laptop) == [],
        before=(SEVERAL,),
        gone=GONE,
        like="terminate",
        waist=TERMINATED,
    ),
    Case(
        "cleanup",
        CLEAR_ALL,
        is_free,
        before=(LAUNCH, ("image", "gpu", "--name", "kept")),
        waist=TERMINATED,
    ),
)
OTHER_LAUNCHES = CASES[1:5]


def boundaries(case: Case, account: Account) -> list[str]:
    """Return the boundaries that a whole run of the verb passes, each once, in order."""
    with account.fresh() as laptop, tempfile.TemporaryDirectory() as elsewhere:
        prepare(laptop, case)
        log = Path(elsewhere) / "boundaries.log"
        answer = laptop.run_until("-", "kill", *case.command, log=log)
        if answer.status or not case.ended(laptop):
            raise Lost(f"{case.name} does not work uncut: {answer.err[-2000:]}")
        found = list(dict.fromkeys(log.read_text().splitlines()))
    return [key for key in found if int(key.rpartition("#")[2]) <= REPEATED]


def changes(key: str) -> bool:
    """Whether something is changed between this boundary and the next: at AWS, over SSH, or here."""
    verb, _, what = key.partition(" ")
    if verb != "before":
        return verb != "after"
    return not (READS_THERE.search(what) or what.startswith(READING) or "(dry run)" in what)


def kills(boundaries: list[str]) -> list[str]:
    """Return where a kill finds a world of its own: what was killed leaves what it changed, and nothing else.

    Between two changes that is once. An interrupt is answered by whatever runs at that moment, and has no such list.
    """
    found, fresh = [], True
    for key in boundaries:
        if fresh or (key.startswith("after ") and changes("before" + key.removeprefix("after"))):
            found.append(key)
        fresh = changes(key)
    return found


def try_one(case: Case, boundary: str, how: str, account: Account) -> None:
    """Let the verb die once; raise `Lost` if anything is, `NotMet` if it never came to where it was to die.

    With an instance that has seen other trials it may take a shorter way; then it is tried with a new one.
    """
    try:
        _die_once(case, boundary, how, account)
    except NotMet:
        if not case.before:
            raise
        _die_once(case, boundary, how, account, anew=True)


def _die_once(case: Case, boundary: str, how: str, account: Account, *, anew: bool = False) -> None:
    with scene(case, account, anew=anew) as stage:
        died, passed = stage.give(case.command, boundary, how)
        if boundary not in passed:
            raise NotMet
        no_bug(died)
        leads_on(stage, case, account)


@dataclass
class Stage:
    """A laptop on which a verb found what it wants, and what the verb has done since."""

    laptop: Laptop
    mark: Mark
    done: list[str] = field(default_factory=list)
    """What it did over SSH, and the processes it began."""
    stands: bool = False
    """Whether all is as the verb found it."""

    def give(self, command: tuple[str, ...], boundary: str, how: str = "kill") -> tuple[Answer, list[str]]:
        """Give a command that ends at a boundary ("-": at none); return its answer, and the boundaries passed."""
        with tempfile.TemporaryDirectory() as elsewhere:
            log = Path(elsewhere) / "boundaries.log"
            answer = self.laptop.run_until(boundary, how, *command, log=log)
            passed = log.read_text().splitlines()
        there = ("before ssh", "after ssh", "begin")
        self.done = sorted(key for key in passed if key.startswith(there) and not READS_THERE.search(key))
        return answer, passed

    @property
    def untouched(self) -> bool:
        """Whether nothing was changed but what is told and remembered."""
        left, done = self.left()
        return left.nothing and not done

    def left(self) -> tuple[Left, tuple[str, ...]]:
        """Return the world that was left behind, without what is chance."""
        return self.laptop.left_since(self.mark), tuple(self.done)


def no_bug(answer: Answer) -> None:
    """Raise `Lost` if a command ended with an error nobody foresaw, or with one that does not help."""
    if answer.error == "bug" or "Traceback" in answer.err:
        raise Lost(f"a bug: {answer.err[-1500:]}")
    if answer.error and not answer.failure.get("remedy"):
        raise Lost(f"no remedy: {answer.err[-1500:]}")


def leads_on(stage: Stage, case: Case, account: Account) -> None:
    """Raise `Lost` unless all that bills is shown, here and elsewhere, and the same command reaches its end from here.

    From one world it is led there once: many deaths, and many refusals, leave the same one.
    """
    laptop, (left, done) = stage.laptop, stage.left()
    worlds: set[tuple[object, ...]] = {(case.name, left, done)}
    if not worlds & account.led_on and case.waist and not done and case.waist.split()[1] not in left.at_aws:
        worlds |= _at_its_waist(stage, case)
    if not worlds & account.led_on:
        _leads_to_its_end(laptop, case)
    else:
        stage.stands = stage.untouched or _is_led_back(laptop, case)
        if not stage.stands and case.back is not None:
            laptop.run(*case.command)
    account.led_on |= worlds


def _is_led_back(laptop: Laptop, case: Case) -> bool:
    """Give what leads back from the verb's end, from half-way to there; return whether it did."""
    return bool(case.back) and all(laptop.run(*words).status == 0 for words in case.back or ())


def _at_its_waist(stage: Stage, case: Case) -> set[tuple[object, ...]]:
    """Give the command again as far as its waist, and return the world there; none if it does not come that way.

    What was told and remembered on the way does not count.
    """
    answer, passed = stage.give(case.command, case.waist)
    no_bug(answer)
    return {(case.name, case.waist, stage.left()[0].lasting)} if case.waist in passed else set()


def _leads_to_its_end(laptop: Laptop, case: Case) -> None:
    with tempfile.TemporaryDirectory() as elsewhere:
        all_is_shown(laptop, "this laptop")
        all_is_shown(laptop.another(Path(elsewhere) / "second"), "another laptop")
    reaches_its_end(laptop, case)


def try_unseen(account: Account) -> None:
    """Let a launch die with EC2's answer unread while EC2's lists run behind: the next one still makes no second."""
    with account.fresh() as laptop, tempfile.TemporaryDirectory() as elsewhere:
        laptop.ask("settings", {"staleness_s": 8.0})
        case = CASES[0]
        laptop.run_until("after RunInstances #1", "kill", *case.command, log=Path(elsewhere) / "boundaries.log")
        again = laptop.run(*case.command)
        no_bug(again)
        laptop.ask("settings", {"staleness_s": 0.0})
        reaches_its_end(laptop, case)


def reaches_its_end(laptop: Laptop, case: Case) -> None:
    """Give the command again: nothing doubled, nothing left, and what was asked for is there."""
    one_a_launch(laptop)
    again = laptop.run(*case.command)
    if again.status and again.error not in case.gone:
        raise Lost(f"again, it ends with {again.status}: {again.err[-1500:]}")
    one_a_launch(laptop)
    if not case.ended(laptop):
        raise Lost(f"again, it does not reach its end: {laptop.run('status').out[-1500:]}")
    all_is_shown(laptop, "this laptop, afterwards")
    _nothing_half_written(laptop)


def all_is_shown(laptop: Laptop, where: str) -> None:
    """Raise `Lost` if AWS bills for something that neither `status` nor `cleanup` names."""
    shown = ""
    for verb in ("status", "cleanup", "status"):  # twice: an instance that begins meanwhile has an address then
        hidden = [row for row in laptop.billing() if row["id"] not in shown and not _just_ending(row)]
        if not hidden:
            return
        shown += laptop.run(verb).out
    if hidden := [row for row in hidden if row["id"] not in shown]:
        raise Lost(f"{where} does not show {[(row['kind'], row['id'], row['state']) for row in hidden]}")


def _just_ending(row: dict[str, Any]) -> bool:
    return row["state"] in ("shutting-down", "deleting")


def one_a_launch(laptop: Laptop, launches: int = 1) -> None:
    """Raise `Lost` if there are more instances than so many launches asked for, or one carries no launch id."""
    alive = [row for row in laptop.ask("ledger")["resources"] if row["kind"] == "instance" and row["billing"]]
    ids = Counter(row["tags"].get("jupyter-awsgpu:launch-id") for row in alive)
    asked = max([int(row["tags"].get("jupyter-awsgpu:nodes", 1)) for row in alive], default=1)
    if None in ids or any(count > asked for count in ids.values()) or len(alive) > asked * launches:
        raise Lost(f"instances by launch id: {dict(ids)}")


def _nothing_half_written(laptop: Laptop) -> None:
    """Raise `Lost` if a temporary file stays; what the tunnel's process is writing at this moment does not."""
    deadline = time.monotonic() + WRITTEN_WITHIN_S
    while left := [str(path) for path in laptop.records() if path.name.endswith(".part")]:
        if time.monotonic() > deadline:
            raise Lost(f"temporary files: {left}")
        time.sleep(0.1)


def prepare(laptop: Laptop, case: Case) -> None:
    """Bring about what the verb wants to find."""
    _all_succeed(laptop, f"before {case.name}", case.before)


@contextmanager
def scene(case: Case, account: Account, *, anew: bool = False) -> Iterator[Stage]:
    """Lend a laptop on which the verb finds what it wants, from the trial before if that can be.

    It can where the verb changed nothing, and where something leads from its end back to its beginning: that must
    succeed, too, whatever the trial was.
    """
    kept = bool(case.before) and not anew
    with account.lent(case.name if kept else "") as loan:
        if not loan.stands:
            prepare(loan.laptop, case)
        loan.stands = False
        stage = Stage(loan.laptop, loan.laptop.mark())
        yield stage
        if not stage.stands and case.back is not None and kept:
            _all_succeed(loan.laptop, f"back from {case.name}", case.back)
            stage.stands = True
        loan.stands = stage.stands


def _all_succeed(laptop: Laptop, when: str, commands: tuple[tuple[str, ...], ...]) -> None:
    for words in commands:
        answer = laptop.run(*words)
        if answer.status:
            raise Lost(f"{when}: {' '.join(words)} ended with {answer.status}: {answer.err[-1500:]}")
