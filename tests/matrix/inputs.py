"""Bad input: command lines of anything at all. Nothing refused has changed anything, and nothing is a bug.

A line is made of the grammar's own verbs and options, of names that exist and of text that is none: quotes, shell
metacharacters, control characters, paths, huge numbers. Many lines make one trial, in processes of their own.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jupyter_awsgpu.errors import Bug
from jupyter_awsgpu.surfaces.grammar import GRAMMAR
from tests.matrix import crash
from tests.matrix.crash import Lost

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.matrix.laptop import Account, Answer, Laptop

LINES = 20
"""Lines of one trial, every other with `--json` and every other as people type them."""

WITH_ONE = crash.Case("", (), bool, before=(crash.LAUNCH,))
"""An instance that the lines may mean."""

UNFORESEEN = Bug.cause.partition(",")[0]
"""How an error begins that nobody foresaw."""

PLAIN = ("Usage", "awsgpu: ")
"""What a refusal says in a terminal."""

TEXTS = (
    "", " ", "-", "--", "---", "gpu", "p2.xlarge", "g4dn.xlarge", "p2.xlrage", "us-west-2", "us-west-2z", "i-0",
    "ami-0",
    "0", "-1", "1e309", "99999999999999999999", "nan", "0x10", "1/0", "60m", "none", "$5", "8889:8888", "65536",
    "$(touch intruded)", "`touch intruded`",
    "; touch intruded", "| touch intruded", "&& touch intruded", "'", '"', "\\",
    "../../etc/passwd", "~root", "/dev/null", "file with spaces", "-oProxyCommand=touch intruded", "*",
    "%s%n", "{name}",
    "\x1b]0;title\x07", "\u202eevil", "\ud7ff", "名字", "a" * 5000, "<script>alert(1)</script>", "\n", "\t",
)  # fmt: skip

WAITS = frozenset({"ssh", "logs", "panel", "demo"})
"""Verbs that are no input for AWS, or that end only when somebody leaves."""


LEFT_OUT = ("--yes", "-y", "--follow", "-f", "--debug")
"""What lets a line change something, wait for ever, or show a traceback because that was asked for."""


def lines(seed: int) -> Iterator[list[str]]:
    """Yield the lines of a trial."""
    chance = random.Random(seed)
    with click.Context(GRAMMAR) as context:
        verbs = [name for name in GRAMMAR.list_commands(context) if name not in WAITS]
        for _ in range(LINES):
            verb = chance.choice(verbs)
            command = GRAMMAR.get_command(context, verb)
            options = [text for one in command.params for text in one.opts if text.startswith("-")] if command else []
            words = chance.choices([*TEXTS, *options, *options], k=chance.randint(0, 4))
            yield [verb, *(word for word in words if word not in LEFT_OUT)]


def try_one(account: Account, seed: int) -> None:
    """Give the lines; raise `Lost` for a bug, a traceback, a change by a refused line, or a word that was executed."""
    with account.fresh() as laptop:
        crash.prepare(laptop, WITH_ONE)
        for number, words in enumerate(lines(seed)):
            before = laptop.last_call()
            answer = laptop.run(*words) if number % 2 else laptop.type(*words)
            _require_plain(words, answer)
            if answer.status:
                _require_unchanged(laptop, words, before)
            if Path("intruded").exists() or list(laptop.folder.rglob("intruded")):
                raise Lost(f"a word of the line was executed: {words!r}")


def _require_plain(words: list[str], answer: Answer) -> None:
    if answer.error == "bug" or "Traceback" in answer.err or UNFORESEEN in answer.err:
        raise Lost(f"a bug: {words!r}: {answer.err[-1500:]}")
    if answer.status and not answer.error and not any(sign in answer.err for sign in PLAIN):
        raise Lost(f"no error of ours: {words!r} ended with {answer.status}: {answer.err[-600:]}")
    if "\x1b" in answer.err + answer.out:
        raise Lost(f"control characters were shown as they came: {words!r}")


def _require_unchanged(laptop: Laptop, words: list[str], before: int) -> None:
    if changed := laptop.changes(before):
        raise Lost(f"refused, and yet {changed} by {words!r}")
