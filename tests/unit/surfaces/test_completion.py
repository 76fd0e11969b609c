"""Tab completes verbs, options, types, regions and names, also behind an assignment; offline."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from jupyter_awsgpu.surfaces import vocabulary
from jupyter_awsgpu.surfaces.magics import load_ipython_extension, unload_ipython_extension

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jupyter_awsgpu.model import Instance


@pytest.fixture(params=[True, False], ids=["jedi", "no jedi"])
def complete(request: pytest.FixtureRequest) -> Iterator[Callable[[str], list[str]]]:
    """Complete a line in a shell with the extension loaded."""
    shell = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))
    load_ipython_extension(shell)
    shell.Completer.use_jedi = request.param

    def tab(line: str) -> list[str]:
        with provisionalcompleter():
            return [one.text for one in shell.Completer.completions(line, len(line))]

    yield tab
    unload_ipython_extension(shell)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("%awsgpu la", ["launch"]),
        ("x = %awsgpu la", ["launch"]),
        ("box=%awsgpu term", ["terminate"]),
        ("%awsgpu --demo disc", ["disconnect"]),
        ("%awsgpu launch p2.8", ["p2.8xlarge"]),
        ("%awsgpu launch p2.xlarge --na", ["--name"]),
        ("%awsgpu launch p2.xlarge --spot=pr", ["prefer"]),
        ("%awsgpu --region eu-west-", ["eu-west-1", "eu-west-2", "eu-west-3"]),
        ("%awsgpu demo d", ["down"]),
    ],
)
def test_tab_offers_what_may_follow(complete: Callable[[str], list[str]], line: str, expected: list[str]) -> None:
    """Only words of the grammar are offered, nothing of the notebook's own names."""
    assert complete(line) == expected


def test_names_seen_by_verbs_are_offered(
    complete: Callable[[str], list[str]], instance: Callable[..., Instance]
) -> None:
    """A name that `status` has shown completes, without asking AWS."""
    vocabulary.remember([instance(name="seen-before")])
    assert complete("%awsgpu stop seen") == ["seen-before"]


def test_completion_opens_no_connection(complete: Callable[[str], list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Tab never waits for a network."""

    def refuse(*_: object) -> None:
        pytest.fail("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert complete("%awsgpu launch g4dn.x") == ["g4dn.xlarge"]


def test_other_lines_are_left_alone(complete: Callable[[str], list[str]]) -> None:
    """The matcher is silent where the line is not ours."""
    assert "launch" not in complete("la")
