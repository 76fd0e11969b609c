"""Every tutorial runs whole on the simulated AWS and keeps its word."""

from pathlib import Path

import pytest

from tests.notebooks.tutorials import FOLDER, keeps_its_word, leave_nothing

pytestmark = pytest.mark.timeout(900)  # packages are installed in one of them


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_tutorial_runs_whole_and_keeps_its_word(path: Path, tmp_path: Path, demo) -> None:
    """It runs without an error, shows what its text says, and leaks neither secret nor machine."""
    try:
        keeps_its_word(path, tmp_path, demo)
    finally:
        leave_nothing(demo)
