"""GPU × image × CUDA, as data: what is refused on the laptop, and what is said instead."""

from __future__ import annotations

import pytest

from jupyter_awsgpu.drivers import fit, table
from jupyter_awsgpu.model import Gpu, Image

ROWS = table()["gpus"]


def image(kind: str, driver: str | None = None, *, name: str = "Ubuntu 22.04", historical: bool = False) -> Image:
    return Image("ami-1", name, "us-west-2", kind, "ubuntu", "/dev/sda1", 40, driver=driver, historical=historical)  # type: ignore[arg-type]


def gpu(model: str) -> Gpu:
    return Gpu(model, 1, 16384, next(row["compute_capability"] for row in ROWS if row["model"] == model))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["model"])
@pytest.mark.parametrize("cuda", ["8.0", "9.1"])
def test_the_old_tutorials_toolkits_are_refused_with_what_serves_instead(row: dict, cuda: str) -> None:
    """CUDA 8.0 and 9.1 have installers no supported system takes."""
    verdict = fit(gpu(row["model"]), image("ubuntu"), cuda=cuda)
    assert not verdict.ok
    assert "compiler" in verdict.reason
    assert "own CUDA runtime" in verdict.reason
    assert verdict.instead


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["model"])
def test_every_gpu_is_served_on_plain_ubuntu(row: dict) -> None:
    """Without a toolkit wish each row has a driver branch that takes it."""
    verdict = fit(gpu(row["model"]), image("ubuntu"))
    assert verdict.ok
    assert verdict.branch == row["branch"]
    assert row["first_branch"] <= row["branch"] <= (row["last_branch"] or 999)


@pytest.mark.parametrize(
    ("model", "kind", "driver", "historical", "cuda", "says"),
    [
        ("V100", "dlami", "580.105.08", False, None, "proprietary"),
        ("K80", "dlami", "580.105.08", False, None, "proprietary"),
        ("K80", "ubuntu", None, False, "12.6", "up to 11.4"),
        ("V100", "ubuntu", None, False, "13.0", "up to 12.9"),
        ("B300", "dlami", "470.256.02", True, None, "R580 or newer"),
        ("V100", "dlami", "595.91.07", True, None, "dropped V100"),
        ("T4", "dlami", "535.183.01", False, "12.6", "serves CUDA up to 12.2"),
        ("B200", "ubuntu", None, False, "12.6", "cannot build"),
        ("T4", "ubuntu", None, False, "11.4", "NVIDIA publishes CUDA 11.7"),
    ],
)
def test_what_does_not_go_together_is_refused_with_the_reason(
    model: str, kind: str, driver: str | None, historical: bool, cuda: str | None, says: str
) -> None:
    """Open module on Volta, a branch that drops the GPU, a toolkit the driver does not serve."""
    verdict = fit(gpu(model), image(kind, driver, historical=historical), cuda=cuda)
    assert not verdict.ok
    assert says in verdict.reason


@pytest.mark.parametrize(
    ("model", "kind", "driver", "historical", "cuda"),
    [
        ("K80", "dlami", "470.256.02", True, None),
        ("K80", "dlami", "470.256.02", True, "11.4"),
        ("T4", "dlami", "595.91.07", False, "13.2"),
        ("A10G", "ubuntu", None, False, "12.6"),
        ("V100", "ubuntu", None, False, "12.6"),
        ("RTX PRO 6000", "ubuntu", None, False, "13.0"),
    ],
)
def test_what_goes_together_is_planned(
    model: str, kind: str, driver: str | None, historical: bool, cuda: str | None
) -> None:
    """The combinations people use pass."""
    assert fit(gpu(model), image(kind, driver, historical=historical), cuda=cuda).ok


def test_a_cpu_type_needs_no_driver() -> None:
    """Without a GPU there is nothing to install, and a toolkit wish has nothing to run on."""
    assert fit(None, image("ubuntu")).ok
    assert not fit(None, image("ubuntu"), cuda="12.6").ok


def test_each_row_names_its_sources_and_has_ids_of_its_own() -> None:
    """No PCI id stands for two GPUs, and the table says where it is from."""
    ids = [device for row in ROWS for device in row["pci"]]
    assert len(ids) == len(set(ids))
    assert table()["sources"]
