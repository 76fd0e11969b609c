"""The whole matrix, or a sample of it, with its counts: `python3 dev.py matrix [-- --sample N --only launch …]`."""

from __future__ import annotations

import argparse
import queue
import random
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from tests.matrix import crash, inputs, refusals, strangers, together
from tests.matrix.laptop import Account

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Trial = tuple[str, str, "Callable[[Account], None]"]
"""Which part it belongs to, its name, and what tries it."""


def crashes(case: crash.Case, boundaries: list[str]) -> Iterable[Trial]:
    """Return every death of a verb."""
    for key in boundaries:
        for how in crash.HOWS:
            yield "deaths", f"{case.name}: {how} at {key}", partial(crash.try_one, case, key, how)


def refused(case: crash.Case, boundaries: list[str]) -> Iterable[Trial]:
    """Return every refusal a verb can meet."""
    for one in refusals.refusals(boundaries):
        name = f"{case.name}: {one.code} at {one.call}, {one.times}"
        yield "refusals", name, partial(refusals.try_one, case, one)


PARTS = {"crash": crashes, "refusals": refused}


def options(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, help="so many trials, drawn by the seed; all without it")
    parser.add_argument("--seed", type=int, default=20261123)
    parser.add_argument("--workers", type=int, default=2, help="simulated AWSs at once")
    parser.add_argument("--only", default="", help="verbs, by the names of crash.CASES, comma-separated")
    parser.add_argument("--parts", default=",".join([*PARTS, "together", "strangers", "inputs"]))
    parser.add_argument("--inputs", type=int, default=600, help="command lines of anything at all")
    return parser.parse_args(arguments)


def trials(asked: argparse.Namespace) -> list[Trial]:
    """Record each verb once, and return what is to be tried."""
    wanted = [name.strip() for name in asked.only.split(",") if name.strip()]
    cases = [case for case in crash.CASES if not wanted or case.name in wanted]
    parts = asked.parts.split(",")
    found: list[Trial] = []
    with Account() as account:
        for case in cases:
            boundaries = crash.boundaries(case, account)
            print(f"{case.name}: {len(boundaries)} boundaries", flush=True)
            for part in (part for part in PARTS if part in parts):
                found += PARTS[part](case, boundaries)
    if "together" in parts:
        found += [("together", name, attempt) for name, attempt in together.ALL.items()]
    if "strangers" in parts:
        found += [("strangers", name, attempt) for name, attempt in strangers.ALL.items()]
    if "inputs" in parts and not wanted:
        for seed in range(asked.seed, asked.seed + max(1, asked.inputs // inputs.LINES)):
            found.append(("inputs", f"{inputs.LINES} lines, seed {seed}", partial(inputs.try_one, seed=seed)))
    if "crash" in parts and not wanted:
        found.append(("deaths", "launch: kill with its answer unread, EC2's lists behind", crash.try_unseen))
    if asked.sample is None or asked.sample >= len(found):
        return found
    drawn = random.Random(asked.seed).sample(range(len(found)), asked.sample)
    return [found[number] for number in sorted(drawn)]  # a verb's trials after one another: they may share an instance


def run(wanted: list[Trial], workers: int) -> tuple[list[str], int]:
    """Try all, some at once; return what was lost, a line each, and how many deaths were not met."""
    accounts: queue.SimpleQueue[Account] = queue.SimpleQueue()
    lost: list[str] = []
    verdicts: Counter[str] = Counter()
    lock = threading.Lock()

    def one(trial: Trial) -> None:
        _part, name, attempt = trial
        account = accounts.get()
        try:
            attempt(account)
            verdict, said = "held", ""
        except crash.NotMet:
            verdict, said = "unmet", ""
        except Exception as exc:
            verdict, said = "LOST", f"\n      {type(exc).__name__}: {exc}"
        finally:
            accounts.put(account)
        with lock:
            print(f"{verdict:5} {name}{said}", flush=True)
            verdicts[verdict] += 1
            lost.extend([name] if said else [])

    opened = [Account().__enter__() for _ in range(workers)]
    try:
        for account in opened:
            accounts.put(account)
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(one, wanted))
    finally:
        for account in opened:
            account.__exit__()
    return lost, verdicts["unmet"]


def main() -> int:
    """Run the matrix; the status is 0 if nothing was lost."""
    asked = options()
    began = time.monotonic()
    wanted = trials(asked)
    lost, unmet = run(wanted, asked.workers)
    counts = Counter(part for part, _name, _attempt in wanted)
    counts["inputs"] *= inputs.LINES
    said = " · ".join(f"{count} {part}" for part, count in sorted(counts.items()) if count)
    print(f"{said} · {unmet} not met · {len(lost)} losses · {time.monotonic() - began:.0f} s")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
