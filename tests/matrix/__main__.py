"""The whole matrix, or a part or a sample of it, with its counts: `python3 dev.py matrix [-- --only launch --parts …]`.

With `--record FILE` what has been tried is kept, and a run that was cut off goes on: only what was lost is tried again.
"""

from __future__ import annotations

import argparse
import queue
import random
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tests.matrix import crash, inputs, refusals, strangers, together, weather
from tests.matrix.laptop import Account
from tests.matrix.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

LAUNCH = crash.CASES[0]


@dataclass(frozen=True)
class Trial:
    """Which part it belongs to, which verb, its name, and what tries it."""

    part: str
    verb: str
    name: str
    attempt: Callable[[Account], None]


def deaths(case: crash.Case, record: Record) -> Iterable[Trial]:
    """Return every death of a verb: of one of another's kind, Ctrl-C where that one does not come."""
    found, known = record.boundaries[case.name], record.boundaries.get(case.like, [])
    interrupts = [key for key in found if key not in known]
    for how, keys in zip(crash.HOWS, (crash.kills(found), interrupts), strict=True):
        for key in keys:
            yield Trial("crash", case.name, f"{how} at {key}", partial(crash.try_one, case, key, how))
    if case is LAUNCH:
        yield Trial("crash", case.name, "kill with its answer unread, EC2's lists behind", crash.try_unseen)


def refused(case: crash.Case, record: Record) -> Iterable[Trial]:
    """Return every refusal a verb can meet; what all launches read alike is refused to the first of them."""
    before = crash.CASES[: crash.CASES.index(case)]
    known = {call for one in before for call in refusals.calls(record.boundaries.get(one.name, []))}
    same = refusals.calls(record.boundaries.get(LAUNCH.name, [])) if case in crash.OTHER_LAUNCHES else []
    for one in refusals.refusals(record.boundaries[case.name], known, same):
        name = f"{one.code} at {one.call}, {one.times}"
        yield Trial("refusals", case.name, name, partial(refusals.try_one, case, one))


def troubled(case: crash.Case, _record: Record) -> Iterable[Trial]:
    """Return every kind of bad weather for a verb."""
    for what in weather.WEATHER:
        yield Trial("weather", case.name, what, partial(weather.try_one, case, what))


OF_A_VERB = {"crash": deaths, "refusals": refused, "weather": troubled}
OF_NONE = ("together", "strangers", "inputs")


def options(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, help="so many trials, drawn by the seed; all without it")
    parser.add_argument("--seed", type=int, default=20261123)
    parser.add_argument("--workers", type=int, default=2, help="simulated AWSs at once")
    parser.add_argument("--only", default="", help="verbs, by the names of crash.CASES, comma-separated")
    parser.add_argument("--parts", default=",".join([*OF_A_VERB, *OF_NONE]))
    parser.add_argument("--inputs", type=int, default=600, help="command lines of anything at all")
    parser.add_argument("--record", type=Path, help="a file: what was tried before is in it, and this run is added")
    return parser.parse_args(arguments)


def trials(asked: argparse.Namespace, record: Record) -> list[Trial]:
    """Record each verb once, and return what is still to be tried."""
    wanted = [name.strip() for name in asked.only.split(",") if name.strip()]
    parts = asked.parts.split(",")
    found: list[Trial] = []
    for case in crash.CASES if set(parts) & set(OF_A_VERB) else ():
        if not wanted or case.name in wanted:
            _find_boundaries(case, record)
            for part in (part for part in OF_A_VERB if part in parts):
                found += OF_A_VERB[part](case, record)
    if "together" in parts:
        found += [Trial("together", "", name, attempt) for name, attempt in together.ALL.items()]
    if "strangers" in parts:
        found += [Trial("strangers", "", name, attempt) for name, attempt in strangers.ALL.items()]
    if "inputs" in parts and not wanted:
        for seed in range(asked.seed, asked.seed + max(1, asked.inputs // inputs.LINES)):
            name = f"{inputs.LINES} lines, seed {seed}"
            found.append(Trial("inputs", "", name, partial(inputs.try_one, seed=seed)))
    found = [one for one in found if record.verdicts.get((one.part, one.verb, one.name), "LOST") == "LOST"]
    if asked.sample is None or asked.sample >= len(found):
        return found
    drawn = random.Random(asked.seed).sample(range(len(found)), asked.sample)
    return [found[number] for number in sorted(drawn)]  # a verb's trials after one another: they may share an instance


def _find_boundaries(case: crash.Case, record: Record) -> None:
    if case.name not in record.boundaries:
        with Account() as account:
            record.found(case.name, crash.boundaries(case, account))
    print(f"{case.name}: {len(record.boundaries[case.name])} boundaries", flush=True)


def run(wanted: list[Trial], workers: int, record: Record) -> list[str]:
    """Try all, some at once; return what was lost, a line each."""
    accounts: queue.SimpleQueue[Account] = queue.SimpleQueue()
    lost: list[str] = []
    lock = threading.Lock()

    def one(trial: Trial) -> None:
        account, began = accounts.get(), time.monotonic()
        try:
            trial.attempt(account)
            verdict, said = "held", ""
        except crash.NotMet:
            verdict, said = "unmet", ""
        except Exception as exc:
            verdict, said = "LOST", f"\n      {type(exc).__name__}: {exc}"
        finally:
            accounts.put(account)
        took = time.monotonic() - began
        record.tried(trial.part, trial.verb, trial.name, verdict, took)
        with lock:
            print(f"{verdict:5} {took:5.1f} s  {trial.verb}: {trial.name}{said}", flush=True)
            lost.extend([trial.name] if said else [])

    led_on: set[tuple[object, ...]] = set()
    opened = [Account(led_on=led_on).__enter__() for _ in range(workers)]
    try:
        for account in opened:
            accounts.put(account)
        with ThreadPoolExecutor(workers) as pool:
            try:
                list(pool.map(one, wanted))
            except KeyboardInterrupt:
                pool.shutdown(wait=False, cancel_futures=True)  # those under way come to their end
                raise
    finally:
        for account in opened:
            account.__exit__()
    return lost


def main() -> int:
    """Run the matrix; the status is 0 if nothing was lost."""
    asked = options()
    began = time.monotonic()
    record = Record(asked.record)
    lost = run(trials(asked, record), asked.workers, record)
    print("\n".join(record.table()))
    print(f"{len(lost)} losses · {time.monotonic() - began:.0f} s")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
