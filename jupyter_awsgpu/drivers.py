"""Which driver and CUDA serve a GPU: one pure question to the guest's own table, asked on the laptop.

The table is `guest/gpus.json`, with its sources; the guest reads the same file by PCI id.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jupyter_awsgpu.model import Gpu, Image

HISTORICAL_CUDA = "10.0"
"""Toolkits before this one want gcc 7 or older and drivers (375, 387) that no supported kernel builds."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the wish can be served, in one sentence, and what to ask for instead.

    `instead` is a further option of `launch`, with a leading space, or nothing.
    """

    ok: bool
    reason: str
    instead: str = ""
    branch: int | None = None
    module: str = ""
    cuda_range: tuple[str, str | None] | None = None


def fit(gpu: Gpu | None, image: Image, *, cuda: str | None = None) -> Verdict:
    """Judge a GPU, an image and a wished CUDA toolkit. Raises nothing; asks nobody."""
    if gpu is None or gpu.maker != "NVIDIA":
        return _without_nvidia(gpu, cuda)
    row = row_of(gpu)
    if row is None:
        return Verdict(ok=True, reason=f"{gpu.model} is newer than our table; the newest driver is tried")
    low, high = row["cuda"][0], _lowest(row["cuda"][1], table()["branches"][str(row["branch"])]["cuda_max"])
    if cuda is not None and (refusal := _toolkit_refusal(gpu, cuda, low, high)):
        return refusal
    if image.kind in ("dlami", "dlami-pytorch") and not image.historical and row["module"] == "proprietary":
        reason = f"{gpu.model} needs the proprietary kernel module, and this image has the open one"
        return Verdict(ok=False, reason=reason + ".", instead=" --image ubuntu")
    if image.kind == "ubuntu" and row["module"] == "open-only" and row["branch"] < table()["newest_branch"]:
        return Verdict(ok=False, reason=f"No driver branch we know serves {gpu.model}.")
    where = f"in the image ({image.driver})" if image.has_driver and image.driver else f"branch R{row['branch']}"
    return Verdict(
        ok=True,
        reason=f"driver {where}, CUDA {low} to {high or 'the newest'}",
        branch=row["branch"],
        module=row["module"],
        cuda_range=(low, high),
    )


def _without_nvidia(gpu: Gpu | None, cuda: str | None) -> Verdict:
    if cuda is not None:
        return Verdict(ok=False, reason="There is no NVIDIA GPU in this type, so CUDA has nothing to run on.")
    return Verdict(ok=True, reason="no GPU, no driver" if gpu is None else f"{gpu.maker} brings its own driver")


def _toolkit_refusal(gpu: Gpu, cuda: str, low: str, high: str | None) -> Verdict | None:
    if _number(cuda) < _number(HISTORICAL_CUDA):
        reason = (
            f"CUDA {cuda} cannot be installed today: its installer wants a compiler and a kernel that no supported "
            "system has. It is not needed either: pip and conda packages bring their own CUDA runtime."
        )
        return Verdict(ok=False, reason=reason)
    if _number(cuda) < _number(low):
        return Verdict(ok=False, reason=f"CUDA {cuda} cannot build for {gpu.model}.", instead=f" --cuda {low}")
    if high is not None and _number(cuda) > _number(high):
        reason = f"The last driver for {gpu.model} serves CUDA up to {high}, not {cuda}."
        return Verdict(ok=False, reason=reason, instead=f" --cuda {high}")
    return None


def cuda_range(gpu: Gpu | None) -> tuple[str, str | None] | None:
    """Return the CUDA versions a GPU's driver serves (None at the end: no upper bound), if it is known."""
    row = row_of(gpu) if gpu is not None else None
    if row is None:
        return None
    return row["cuda"][0], _lowest(row["cuda"][1], table()["branches"][str(row["branch"])]["cuda_max"])


def row_of(gpu: Gpu) -> dict[str, Any] | None:
    """Return the table's row of a GPU: by its model, else by its compute capability."""
    rows: list[dict[str, Any]] = table()["gpus"]
    named = [row for row in rows if row["model"].lower() == gpu.model.lower()]
    alike = [row for row in rows if row["compute_capability"] == gpu.compute_capability != ""]
    return next(iter(named or alike), None)


@lru_cache(maxsize=1)
def table() -> dict[str, Any]:
    """Return the guest's table of GPUs, driver branches and systems."""
    document: dict[str, Any] = json.loads(files("jupyter_awsgpu.guest").joinpath("gpus.json").read_text("utf-8"))
    return document


def _lowest(*versions: str | None) -> str | None:
    known = [one for one in versions if one is not None]
    return min(known, key=_number) if known else None


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
