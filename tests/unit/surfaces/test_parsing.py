"""What a person types is understood, or refused in a sentence before any verb is called."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from jupyter_awsgpu.errors import AwsGpuError, BadName, BadValue, UnknownRegion, UnknownType, UsageError
from jupyter_awsgpu.surfaces import values
from jupyter_awsgpu.surfaces.grammar import GRAMMAR, VERBS, run, split

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_awsgpu.surfaces.ask import Ask

OFTEN = ["--disk", "--port", "--name", "--", "-f", "2h", "--json", "p2.xlarge"]
"""Words that reach deeper than random ones."""


@pytest.mark.parametrize(
    ("line", "error", "words"),
    [
        ("lunch p2.xlarge", UsageError, "launch"),
        ("launch", UsageError, "TYPE"),
        ("launch p2xlarge", UnknownType, "p2.xlarge"),
        ("launch p2.xlarge --bogus", UsageError, "--bogus"),
        ("launch p2.xlarge --disk -5", BadValue, "GB"),
        ("launch p2.xlarge --disk 0", BadValue, "--disk"),
        ("launch p2.xlarge --disk 99999", BadValue, "16384"),
        ("launch p2.xlarge --idle-stop soon", BadValue, "60m"),
        ("launch p2.xlarge --max-hours -1", BadValue, "12h"),
        ("launch p2.xlarge --budget five", BadValue, "dollars"),
        ("launch p2.xlarge --port 0", BadValue, "65535"),
        ("launch p2.xlarge --port 65536", BadValue, "65535"),
        ("launch p2.xlarge --name 1st", BadName, "letter"),
        ("launch p2.xlarge --name ../../etc", BadName, "letter"),
        ("launch p2.xlarge --zone west", BadValue, "us-west-2a"),
        ("launch p2.xlarge --cuda latest", BadValue, "12.6"),
        ("launch p2.xlarge --spot=maybe", UsageError, "prefer"),
        ("launch p2.xlarge extra", UsageError, "extra"),
        ("status --region us-west", UnknownRegion, "us-west-2"),
        ("--region oregon status", UnknownRegion, "nearest"),
        ("quota g5.xlarge --request 0", BadValue, "vCPUs"),
        ("connect gpu --forward 80:99999", BadValue, "6006:6006"),
        ("keep gpu 900h", BadValue, "2h"),
        ("logs --source secrets", UsageError, "guest"),
        ("demo sideways", UsageError, "down"),
        ("stop 'two words'", BadValue, "name"),
    ],
)
def test_a_line_that_is_off_is_refused_before_any_verb(
    ask: Callable[..., Ask], line: str, error: type[AwsGpuError], words: str
) -> None:
    """The refusal is of the tree, has exit status 2, and names what would be right."""
    with pytest.raises(error) as refused:
        run(ask(*split(line)))
    assert refused.value.exit_status == 2
    assert words in refused.value.message
    assert refused.value.remedy.startswith("awsgpu")
    assert "…" not in refused.value.message + refused.value.remedy


@given(st.text(max_size=80))
def test_any_line_splits_or_is_refused_in_a_sentence(line: str) -> None:
    """No line a person can type raises anything but a refusal of ours."""
    try:
        words = split(line)
    except BadValue as exc:
        assert "quotation" in exc.message  # noqa: PT017 - both outcomes are right, by the line
    else:
        assert all(isinstance(word, str) for word in words)


@given(st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=12), max_size=6))
def test_splitting_undoes_quoting(words: list[str]) -> None:
    """What is quoted as a shell quotes comes back as it was."""
    assert split(shlex.join(words)) == words


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    verb=st.sampled_from(list(VERBS)),
    words=st.lists(
        st.one_of(st.text(max_size=10), st.sampled_from(["--disk", "--port", "--name", "--", "-f", "2h"])), max_size=4
    ),
)
@example(verb="launch", words=["p2.xlarge", "--spot"])
@example(verb="ssh", words=["--", "--help"])
def test_no_line_ends_in_a_traceback(verb: str, words: list[str]) -> None:
    """Whatever follows a verb is parsed, shows help, or is refused; a bug is none of these."""
    from jupyter_awsgpu.surfaces.ask import Ask

    class Reached(BaseException):
        """The line was understood and a verb would have been called."""

    class Stopped(Ask):
        def settings(self, **_more: object) -> object:  # type: ignore[override]
            raise Reached

        bench = settings  # type: ignore[assignment]

    try:
        run(Stopped("notebook", [verb, *words], show=lambda _: None))
    except Reached:
        pass
    except AwsGpuError as exc:
        assert exc.exit_status == 2, exc.code  # noqa: PT017 - parsed, or refused as usage


@pytest.mark.parametrize("line", ["--demo status gpu", "status --demo gpu", "status gpu --demo"])
def test_global_options_stand_before_or_after_the_verb(line: str) -> None:
    """`--demo` means the same wherever it stands."""
    from jupyter_awsgpu.surfaces.ask import Ask

    seen: list[dict[str, object]] = []

    class Watching(Ask):
        def bench(self, **_more: object) -> object:  # type: ignore[override]
            seen.append(dict(self.options))
            raise UsageError("enough")

    with pytest.raises(UsageError, match="enough"):
        run(Watching("terminal", line.split(), show=lambda _: None))
    assert seen == [{"demo": True}]


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (values.IDLE, "60m", 60),
        (values.IDLE, "2h", 120),
        (values.IDLE, "90", 90),
        (values.IDLE, "none", values.NEVER),
        (values.CAP, "90m", 1.5),
        (values.CAP, "12", 12.0),
        (values.BUDGET, "$5", 5.0),
        (values.GIGABYTES, "100GB", 100),
        (values.GIGABYTES, "1T", 1024),
        (values.FORWARD, "6006", (6006, 6006)),
        (values.FORWARD, "7007:6006", (7007, 6006)),
        (values.TYPE, " P2.XLarge ", "p2.xlarge"),
        (values.REGION, "US-WEST-2", "us-west-2"),
    ],
)
def test_values_are_read_as_people_write_them(kind: click.ParamType, text: str, value: object) -> None:
    """Units, capitals and a dollar sign are understood."""
    assert kind.convert(text, None, None) == value


def test_a_well_formed_type_that_the_catalogue_lacks_is_left_to_aws() -> None:
    """Next year's types must launch with this year's package."""
    assert values.TYPE.convert("g9.xlarge", None, None) == "g9.xlarge"


@pytest.mark.parametrize("verb", list(VERBS))
def test_every_verb_explains_itself(verb: str, ask: Callable[..., Ask], capsys: pytest.CaptureFixture[str]) -> None:
    """`VERB --help` prints usage and calls nothing."""
    assert run(ask(verb, "--help")) is None
    assert f"awsgpu {verb if verb != 'list' else ''}".strip() in capsys.readouterr().out


def test_an_interrupted_line_says_how_to_go_on(ask: Callable[..., Ask], monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in a read-only verb is an `Interrupted` whose remedy is the very line again."""

    class Pressed(type(ask())):  # type: ignore[misc]
        def bench(self, **_more: object) -> None:
            raise KeyboardInterrupt

    with pytest.raises(AwsGpuError) as refused:
        run(Pressed("terminal", ["status", "gpu", "--region", "us-west-2"], show=lambda _: None))
    assert (refused.value.code, refused.value.exit_status) == ("interrupted", 130)
    assert refused.value.remedy == "awsgpu status gpu --region us-west-2"


def test_what_nobody_foresaw_becomes_a_bug_with_a_log(ask: Callable[..., Ask]) -> None:
    """The traceback goes into a private file, the person gets a sentence."""
    from pathlib import Path

    class Broken(type(ask())):  # type: ignore[misc]
        def bench(self, **_more: object) -> None:
            raise ZeroDivisionError

    with pytest.raises(AwsGpuError) as refused:
        run(Broken("terminal", ["status"], show=lambda _: None))
    assert refused.value.code == "bug"
    log = Path(str(refused.value.facts["log_file"]))
    assert "ZeroDivisionError" in log.read_text(encoding="utf-8")


def test_help_lists_every_verb_without_loading_one() -> None:
    """The root's help is written from the table alone."""
    with click.Context(GRAMMAR, info_name="awsgpu") as context:
        text = GRAMMAR.get_help(context)
    for name in GRAMMAR.list_commands(context):
        assert f"  {name} " in text


def test_the_version_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """`awsgpu --version` says which package this is, and asks for no verb."""
    from jupyter_awsgpu import __version__
    from jupyter_awsgpu.surfaces import cli

    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"jupyter-awsgpu {__version__}\n"
