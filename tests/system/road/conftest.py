"""The main road with a real OpenSSH sshd at its end: the simulated AWS's API over real hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.system import rootfs
from tests.system.serving import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.system.serving import Awsgpu


@pytest.fixture(scope="module")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of the person who launches here; where real hosts cannot be had, say why."""
    try:
        rootfs.base()
    except rootfs.Unavailable as exc:
        pytest.skip(str(exc))
    return tmp_path_factory.mktemp("real")


@pytest.fixture(scope="module")
def awsgpu(data_folder: Path) -> Iterator[Awsgpu]:
    """Give the command on a simulated AWS whose instances are real hosts."""
    with serving(data_folder) as run:
        yield run


@pytest.fixture(scope="module")
def box(awsgpu: Awsgpu) -> dict[str, Any]:
    """One instance, launched by the real verb; what `launch --json` said of it."""
    answer = awsgpu("launch", "p2.xlarge", "--yes", "--no-open")
    assert answer.status == 0, answer.err
    return answer.document
