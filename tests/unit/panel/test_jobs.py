"""Long work is the command line in a process of its own."""

import sys

import pytest

from jupyter_awsgpu import language
from jupyter_awsgpu.surfaces.panel import jobs


def test_a_launch_asks_nobody_and_opens_nothing():
    """The panel has asked; a browser that opens by itself after minutes helps nobody."""
    argv = jobs.command_line(("launch", "p2.xlarge"), demo=True)
    assert argv[:3] == [sys.executable, "-m", "jupyter_awsgpu"]
    assert argv[3:] == ["--demo", "--json", "launch", "p2.xlarge", "--yes", "--no-open"]


def test_the_real_aws_is_never_the_demo(monkeypatch):
    """The panel's switch wins over the shell's variable, both ways."""
    monkeypatch.setenv("AWSGPU_DEMO", "1")
    assert "AWSGPU_DEMO" not in jobs._environment(demo=False, language="en")
    assert jobs._environment(demo=True, language="en")["AWSGPU_DEMO"] == "1"


def test_an_answer_speaks_the_panel_s_language(tmp_path, monkeypatch):
    """The table beneath the form is Chinese where the panel is."""
    monkeypatch.setenv("AWSGPU_DATA_DIR", str(tmp_path))
    language.speak("zh")
    try:
        assert "没有在运行" in jobs.answer(("demo", "status"), demo=False)
    finally:
        language.speak("en")


@pytest.fixture
def refused(tmp_path):
    """A job of the real command line that is refused before it has a log: an unknown name."""
    job = jobs.start(("launch", "p2.xlarge", "--name", "no spaces"), demo=False, folder=tmp_path)
    job.process.wait(60)
    return job


def test_an_early_refusal_is_read_from_its_own_words(refused):
    """Message and remedy as any surface has them; the file is its owner's alone."""
    said = refused.refusal()
    assert said["error"] == "bad-name"
    assert "no spaces" in said["message"]
    assert said["remedy"].startswith("awsgpu launch")
    assert refused.errors.stat().st_mode & 0o077 == 0


def test_an_answer_is_what_a_terminal_shows():
    """Reading verbs answer with text."""
    assert "launch" in jobs.answer(("--help",), demo=False)
