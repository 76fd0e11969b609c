"""Many at once: eight launches of one name make one instance, of eight names eight; verbs on one queue up."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from tests.matrix import crash
from tests.matrix.crash import LAUNCH, Lost

if TYPE_CHECKING:
    from tests.matrix.laptop import Account, Answer, Laptop

MANY = 8


def one_name(account: Account) -> None:
    """Raise `Lost` unless eight launches of one name end at one instance, each with success or a plain refusal."""
    with account.fresh() as laptop:
        answers = at_once(laptop, [LAUNCH] * MANY)
        _plain(answers)
        if crash.states(laptop) != ["running"]:
            raise Lost(f"instances: {crash.states(laptop)}")
        crash.one_a_launch(laptop)


def many_names(account: Account) -> None:
    """Raise `Lost` unless eight launches of eight names end at eight instances."""
    with account.fresh() as laptop:
        lines = [("launch", "t2.micro", "--name", f"n{number}", "--yes", "--no-open") for number in range(MANY)]
        answers = at_once(laptop, lines)
        failed = [answer.err[-800:] for answer in answers if answer.status]
        if failed or crash.states(laptop) != ["running"] * MANY:
            raise Lost(f"instances: {crash.states(laptop)}; {failed}")
        crash.one_a_launch(laptop, MANY)


def verbs_on_one(account: Account) -> None:
    """Raise `Lost` unless stop, start and stop given at once end in order, in one of their end states."""
    with account.fresh() as laptop:
        crash.prepare(laptop, crash.Case("", (), bool, before=(LAUNCH,)))
        answers = at_once(laptop, [("stop", "gpu"), ("start", "gpu", "--no-open"), ("stop", "gpu")])
        _plain(answers)
        if crash.states(laptop) not in (["running"], ["stopped"]):
            raise Lost(f"it is {crash.states(laptop)}")


def at_once(laptop: Laptop, lines: list[tuple[str, ...]]) -> list[Answer]:
    """Give all the commands in the same moment; return what each left."""
    with ThreadPoolExecutor(len(lines)) as pool:
        return list(pool.map(lambda words: laptop.run(*words), lines))


def _plain(answers: list[Answer]) -> None:
    wrong = [answer.err[-800:] for answer in answers if answer.status and not answer.failure.get("remedy")]
    if wrong or all(answer.status for answer in answers):
        raise Lost(f"no success, or no plain refusal: {wrong}")


ALL = {"one name, eight launches": one_name, "eight names": many_names, "stop, start and stop at once": verbs_on_one}
