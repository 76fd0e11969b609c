"""A cluster of real hosts, launched by the verb that a person types."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from tests.system import rootfs
from tests.system.cluster import packages
from tests.system.serving import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.system.serving import Awsgpu

NODES = 8 if os.environ.get("AWSGPU_TESTS_FULL") else 4
LAUNCH = ("launch", "p2.xlarge", "--nodes", str(NODES), "--engine", "dask")


@pytest.fixture(scope="module")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of the person who launches here; where real hosts cannot be had, say why."""
    try:
        packages.layer(packages.HEAVY)
        packages.layer(packages.WHOLE)
    except rootfs.Unavailable as exc:
        pytest.skip(str(exc))
    return tmp_path_factory.mktemp("cluster")


@pytest.fixture(scope="module")
def awsgpu(data_folder: Path) -> Iterator[Awsgpu]:
    """Give the command on a simulated AWS whose instances are real hosts of one subnet."""
    with serving(data_folder, "--lan") as run:
        yield run


@pytest.fixture(scope="module")
def box(awsgpu: Awsgpu) -> dict[str, Any]:
    """The head, and what `launch --json` said of it."""
    answer = awsgpu(*LAUNCH, "--yes", "--no-open")
    assert answer.status == 0, answer.err
    return answer.document
