"""A sample of the matrix with a fixed seed, and the matrix itself tried on builds that are broken on purpose.

All of it: `python3 dev.py matrix`.
"""

from __future__ import annotations

import random
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from tests.matrix import crash, refusals, strangers
from tests.matrix.crash import Lost
from tests.matrix.laptop import ROOT, Account

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(600)
LAUNCH = crash.CASES[0]
DEATHS, REFUSALS = 3, 2


@pytest.fixture(scope="module")
def account(home: Path) -> Iterator[Account]:
    """One simulated AWS for all of these trials."""
    with Account() as opened:
        yield opened


@pytest.fixture(scope="module")
def boundaries(account: Account) -> list[str]:
    """What a launch passes."""
    return crash.boundaries(LAUNCH, account)


def test_a_launch_killed_at_some_boundaries_loses_nothing(account: Account, boundaries: list[str]) -> None:
    """A seeded draw, half of it interrupts; what is shown, doubled, left and reached is looked at each time."""
    assert len(boundaries) > 60, "the harness no longer sees what a launch does"
    deaths = 0
    for boundary in random.Random(1).sample(boundaries, len(boundaries)):
        with suppress(crash.NotMet):  # a launch that waits longer or shorter passes others; then the next one drawn
            crash.try_one(LAUNCH, boundary, crash.HOWS[deaths % 2], account)
            deaths += 1
        if deaths == DEATHS:
            return
    pytest.fail("a launch no longer comes to where it is to die")


def test_a_launch_refused_at_some_calls_says_it_and_goes_on_later(account: Account, boundaries: list[str]) -> None:
    """A seeded draw of codes, calls and numbers of times."""
    every = list(refusals.refusals(boundaries))
    assert len(every) > 300, "the harness no longer sees which calls a launch makes"
    for refusal in random.Random(1).sample(every, REFUSALS):
        refusals.try_one(LAUNCH, refusal, account)


def test_an_answer_nobody_read_is_no_second_instance(account: Account) -> None:
    """Even while EC2's lists run behind."""
    crash.try_unseen(account)


BROKEN: dict[str, tuple[str, str, str, Callable[[Account], None]]] = {
    "tags written after launch": (
        "cloud/request.py",
        '"TagSpecifications": tags.specification(TAGGED, {**has, tags.DISK: str(size)}),',
        '"TagSpecifications": tags.specification(("network-interface",), has),',
        lambda account: crash.try_one(LAUNCH, "after RunInstances #1", "kill", account),
    ),
    "journal after RunInstances": (
        "verbs/attempts.py",
        "        entry = _about_to_send(bench, entry)\n",
        "",
        crash.try_unseen,
    ),
    "host key ignored": (
        "host/identity.py",
        "    if any(_blob(line) == shown for line in lines):\n",
        "    if lines:\n",
        strangers.a_wrong_host_key,
    ),
}
"""What is broken, where, how, and the trial that must find it."""


@pytest.mark.parametrize("what", BROKEN)
def test_a_build_broken_on_purpose_is_found(what: str, tmp_path: Path) -> None:
    """The matrix can fail: it does so for each of three mistakes it is there to find."""
    file, right, wrong, trial = BROKEN[what]
    shutil.copytree(ROOT / "jupyter_awsgpu", tmp_path / "jupyter_awsgpu", ignore=shutil.ignore_patterns("__pycache__"))
    broken = tmp_path / "jupyter_awsgpu" / file
    assert broken.read_text().count(right) == 1, "the line to break has moved"
    broken.write_text(broken.read_text().replace(right, wrong))
    with Account(tmp_path) as account, pytest.raises(Lost):
        trial(account)
