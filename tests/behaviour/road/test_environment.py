"""`--env`: a person's environment in a kernel of its own, at the launch and at a later provisioning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.behaviour.road.remote_jupyter import computed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

VERSION = "from importlib.metadata import version; print(version({!r}), end='')"
KERNEL = "awsgpu-env"


def test_an_environment_is_reproduced_in_a_kernel_of_its_own(awsgpu: Callable[..., Any], tmp_path: Path) -> None:
    """At the launch from one file, at `provision` from another; what no index has is named, the rest is there."""
    first, second = tmp_path / "first.txt", tmp_path / "second.txt"
    first.write_text("iniconfig==2.0.0\n")
    second.write_text("iniconfig==2.1.0\nawsgpu-no-such-package==9.9  # nowhere\n")

    answer = awsgpu("launch", "p2.xlarge", "--yes", "--no-open", "--env", str(first))
    assert answer.status == 0, answer.err
    box = answer.document
    assert computed(box, VERSION.format("iniconfig"), kernel_name=KERNEL) == ["2.0.0"]
    assert computed(box, "import sys; print(sys.prefix, end='')") != computed(
        box, "import sys; print(sys.prefix, end='')", kernel_name=KERNEL
    )

    again = awsgpu("provision", box["name"], "--env", str(second))
    assert again.status == 0, again.err
    assert "Could not be matched here: awsgpu-no-such-package==9.9" in again.err
    assert computed(box, VERSION.format("iniconfig"), kernel_name=KERNEL) == ["2.1.0"]
