"""Settings reach every surface: a file beside Jupyter's own, the kernel's configuration, options."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from traitlets.config import Config

from jupyter_awsgpu.errors import AwsGpuError, StateUnreadable
from jupyter_awsgpu.surfaces.ask import Ask

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def config_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the file would be."""
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path))
    return tmp_path / "awsgpu_config.py"


def ask(config: Config | None = None, **options: object) -> Ask:
    return Ask("terminal", [], show=lambda _: None, config=config, options=options)


def test_a_terminal_reads_the_file_beside_jupyters(config_file: Path) -> None:
    """What is said once holds for every line."""
    config_file.write_text("c.AWSGPU.region = 'eu-west-1'\n", encoding="utf-8")
    assert ask().settings().region == "eu-west-1"


def test_an_option_wins_over_the_file(config_file: Path) -> None:
    """The line itself is nearest."""
    config_file.write_text("c.AWSGPU.region = 'eu-west-1'\n", encoding="utf-8")
    assert ask(region="us-west-2").settings().region == "us-west-2"


def test_a_file_that_fails_is_named(config_file: Path) -> None:
    """No traceback of a person's own program."""
    config_file.write_text("c.AWSGPU.region = nonsense\n", encoding="utf-8")
    with pytest.raises(StateUnreadable, match=r"awsgpu_config\.py"):
        ask().settings()


def test_the_kernels_configuration_turns_the_demo_on() -> None:
    """`c.AWSGPU.demo = True`, and every picture says simulated."""
    asked = ask(Config({"AWSGPU": {"demo": True}}))
    assert asked.settings().demo is True
    assert asked.simulated is True


def test_a_value_that_does_not_fit_is_refused_by_its_place() -> None:
    """The place it came from is in the sentence."""
    with pytest.raises(AwsGpuError, match="configuration file"):
        ask(Config({"AWSGPU": {"local_port": 99999}})).settings()
