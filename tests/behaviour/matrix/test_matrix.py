"""A sample of the matrix with a fixed seed, and the matrix itself tried on builds that are broken on purpose.

All of it: `python3 dev.py matrix`.
"""

from __future__ import annotations

import random
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from tests.matrix import crash, inputs, refusals, strangers, together, weather
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


def test_what_a_call_is_refused_follows_from_what_was_tried_before() -> None:
    """Known calls meet one code of each kind; what the verb cannot hear of is followed to the next change only."""
    passed = ["before DescribeImages #1", "before CreateImage #1", "before DescribeImages #2", "before ssh halt #1"]
    new, known = (list(refusals.refusals(passed, calls)) for calls in ((), ("DescribeImages", "CreateImage")))
    assert {one.code for one in known} < {one.code for one in new}
    ends = {(one.call, one.code, one.times): one.until for one in new}
    assert ends["DescribeImages", "UnauthorizedOperation", "once"] == "before CreateImage #1"
    assert ends["DescribeImages", "UnauthorizedOperation", "always"] == "-"
    assert ends["CreateImage", "Unavailable", "once"] == "before ssh halt #1"
    assert ends["CreateImage", "drop-answer", "once"] == "-", "done once, and asked for again: the verb hears of it"


def test_a_launch_killed_between_bringing_the_guest_and_starting_it_goes_on(account: Account) -> None:
    """Who takes over sees that the program is there and was never started; a launch would wait for it in vain."""
    crash.try_one(LAUNCH, "after ssh sudo -n sh -c ' #1", "kill", account)


def test_an_answer_nobody_read_is_no_second_instance(account: Account) -> None:
    """Even while EC2's lists run behind."""
    crash.try_unseen(account)


def test_a_launch_in_bad_weather_says_it_and_goes_on_later(account: Account) -> None:
    """One of the kinds of weather that the matrix lets every verb meet."""
    weather.try_one(LAUNCH, "credentials that expire after 8 calls", account)


def test_eight_launches_of_one_name_make_one_instance(account: Account) -> None:
    """At once, from eight processes: success or a plain refusal each."""
    together.one_name(account)


def test_a_stranger_at_the_address_is_refused_everywhere(account: Account) -> None:
    """What finds the build that ignores host keys passes with this one."""
    strangers.a_wrong_host_key(account)


def test_lines_of_anything_at_all_change_nothing_and_are_no_bug(account: Account) -> None:
    """One seeded trial of them."""
    inputs.try_one(account, seed=20261129)


BROKEN: dict[str, tuple[str, str, str, Callable[[Account], None], str]] = {
    "tags written after launch": (
        "cloud/request.py",
        '"TagSpecifications": tags.specification(TAGGED, {**has, tags.DISK: str(size)}),',
        '"TagSpecifications": tags.specification(("network-interface",), has),',
        lambda account: crash.try_one(LAUNCH, "after RunInstances #1", "kill", account),
        "does not show|by launch id",
    ),
    "journal after RunInstances": (
        "verbs/attempts.py",
        "        entry = _about_to_send(bench, entry)\n",
        "",
        crash.try_unseen,
        "by launch id",
    ),
    "host key ignored": (
        "host/identity.py",
        "    if any(_blob(line) == shown for line in lines):\n",
        "    if lines:\n",
        strangers.a_wrong_host_key,
        "went on with a stranger",
    ),
}
"""What is broken, where, how, the trial that must find it, and what that says."""


@pytest.mark.parametrize("what", BROKEN)
def test_a_build_broken_on_purpose_is_found(what: str, tmp_path: Path) -> None:
    """The matrix can fail: it does so for each of three mistakes it is there to find."""
    file, right, wrong, trial, finding = BROKEN[what]
    shutil.copytree(ROOT / "jupyter_awsgpu", tmp_path / "jupyter_awsgpu", ignore=shutil.ignore_patterns("__pycache__"))
    broken = tmp_path / "jupyter_awsgpu" / file
    assert broken.read_text().count(right) == 1, "the line to break has moved"
    broken.write_text(broken.read_text().replace(right, wrong))
    with Account(tmp_path) as account, pytest.raises(Lost, match=finding):
        trial(account)
