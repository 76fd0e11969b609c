"""Once a day something that has run for long is spoken of, by a verb that looks anyway."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from jupyter_awsgpu.surfaces.ask import Ask
from jupyter_awsgpu.surfaces.render.instances import long_runs
from jupyter_awsgpu.verbs.selection import choose
from tests.behaviour.verbs.test_attempts import launch_without_arriving

if TYPE_CHECKING:
    from jupyter_awsgpu.model import Instance
    from tests.behaviour.verbs.conftest import Desk


def test_the_first_verb_of_a_day_mentions_what_has_run_for_long(desk: Desk) -> None:
    """After eight hours: said once, with no call of its own; a fresh instance is not worth a word."""
    launch_without_arriving(desk, desk.wish(name="mine"))
    said: list[tuple[Instance, ...]] = []
    bench = replace(desk.bench, mention=said.append)
    choose(bench, "mine", "connect")
    assert said == []
    before = len(desk.aws.calls())
    choose(bench, "mine", "connect")
    usual = len(desk.aws.calls()) - before
    later = replace(bench, now=lambda: time.time() + 8 * 3600)
    before = len(desk.aws.calls())
    for _ in range(2):
        choose(later, "mine", "connect")
    assert len(desk.aws.calls()) - before <= 2 * usual
    ((one,),) = said
    assert one.name == "mine"
    line = long_runs((one,), "awsgpu")
    assert line.startswith("mine has run for")
    assert line.endswith("(awsgpu stop mine).")


def test_nobody_reads_it_in_json_and_where_the_answer_shows_it() -> None:
    """A program's document has no such line, nor do the verbs that show what runs, or end it."""

    def asked(*words: str, json: bool = False) -> bool:
        return Ask(surface="terminal", arguments=list(words), show=lambda _ask: None, json=json)._mentions

    assert asked("connect", "gpu")
    assert not asked("--json", "connect", json=True)
    assert not any(asked(verb) for verb in ("status", "cost", "stop", "terminate"))
    assert not asked()
