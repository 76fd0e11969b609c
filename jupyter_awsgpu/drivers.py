"""Which driver and CUDA serve a GPU: one pure question to the guest's own table, asked on the laptop.

The table is `guest/gpus.json`, with its sources; the guest reads the same file by PCI id.
"""

from __future__ import annotations

import json
import re
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
    branch = row["branch"] if row["last_branch"] else _branch_of(image) or row["branch"]
    low, high = row["cuda"][0], _lowest(row["cuda"][1], _served_by(branch))
    if cuda is not None and (refusal := _toolkit_refusal(gpu, row, cuda, low, high)):
        return refusal
    if image.kind in ("dlami", "dlami-pytorch") and not image.historical and row["module"] == "proprietary":
        reason = f"{gpu.model} needs the proprietary kernel module, and this image has the open one"
        return Verdict(ok=False, reason=reason + ".", instead=" --image ubuntu")
    if refusal := _image_refusal(gpu, row, image, cuda):
        return refusal
    branch = _branch_of(image) or branch
    high = _lowest(row["cuda"][1], _served_by(branch))
    where = f"in the image ({image.driver})" if image.has_driver and image.driver else f"branch R{branch}"
    return Verdict(
        ok=True,
        reason=f"driver {where}, CUDA {low} to {high or 'the newest'}",
        branch=branch,
        module=row["module"],
        cuda_range=(low, high),
    )


def _without_nvidia(gpu: Gpu | None, cuda: str | None) -> Verdict:
    if cuda is not None:
        return Verdict(ok=False, reason="There is no NVIDIA GPU in this type, so CUDA has nothing to run on.")
    return Verdict(ok=True, reason="no GPU, no driver" if gpu is None else f"{gpu.maker} brings its own driver")


def _toolkit_refusal(gpu: Gpu, row: dict[str, Any], cuda: str, low: str, high: str | None) -> Verdict | None:
    if _number(cuda) < _number(HISTORICAL_CUDA):
        lowest = max(low, HISTORICAL_CUDA, key=_number)
        reason = (
            f"CUDA {cuda} cannot be installed today: its installer wants a compiler and a kernel that no supported "
            f"system has. {gpu.model} works with driver R{row['branch']} and CUDA {lowest} to "
            f"{high or 'the newest'}, and mostly needs none: pip and conda packages bring their own CUDA runtime."
        )
        return Verdict(ok=False, reason=reason, instead=f" --cuda {high}" if high else "")
    if _number(cuda) < _number(low):
        return Verdict(ok=False, reason=f"CUDA {cuda} cannot build for {gpu.model}.", instead=f" --cuda {low}")
    if high is not None and _number(cuda) > _number(high):
        reason = f"The last driver for {gpu.model} serves CUDA up to {high}, not {cuda}."
        return Verdict(ok=False, reason=reason, instead=f" --cuda {high}")
    return None


def _image_refusal(gpu: Gpu, row: dict[str, Any], image: Image, cuda: str | None) -> Verdict | None:
    """Refuse an image whose driver drops the GPU or serves less, or a system no such toolkit is published for."""
    branch = _branch_of(image)
    if branch is not None and row["last_branch"] and branch > row["last_branch"]:
        reason = f"The image has driver R{branch}, which dropped {gpu.model}: its last branch is R{row['last_branch']}."
        return Verdict(ok=False, reason=reason, instead=" --image ubuntu")
    if branch is not None and branch < row["first_branch"]:
        reason = f"The image has driver R{branch}, and {gpu.model} needs R{row['first_branch']} or newer."
        return Verdict(ok=False, reason=reason, instead=" --image ubuntu")
    if cuda is None:
        return None
    served = _served_by(branch) if branch is not None else None
    if served and _number(cuda) > _number(served):
        reason = f"The image's driver R{branch} serves CUDA up to {served}, not {cuda}."
        return Verdict(ok=False, reason=reason, instead=f" --cuda {served}")
    return None if image.has_driver else _system_refusal(image, cuda, row["cuda"][1])


def _branch_of(image: Image) -> int | None:
    """Return the branch of the driver an image brings, if it says."""
    found = re.match(r"\d{3}", image.driver or "")
    return int(found.group()) if found and image.has_driver else None


def _system_refusal(image: Image, cuda: str, gpu_high: str | None) -> Verdict | None:
    named = re.search(r"ubuntu\D*(\d\d)\.(\d\d)", image.name.lower())
    system = "ubuntu" + "".join(named.groups()) if named else ""
    low, high = table()["systems"].get(system, {}).get("cuda", (None, None))
    if low is None or (_number(low) <= _number(cuda) and (high is None or _number(cuda) <= _number(high))):
        return None
    fits = _number(cuda) < _number(low) and (gpu_high is None or _number(low) <= _number(gpu_high))
    reason = f"NVIDIA publishes CUDA {low} to {high or 'the newest'} for this image's system, not {cuda}."
    return Verdict(ok=False, reason=reason, instead=f" --cuda {low}" if fits else "")


def _served_by(branch: int) -> str | None:
    """Return the newest CUDA a driver branch serves; for one not in the table, its nearest older one's."""
    known = {int(number): row["cuda_max"] for number, row in table()["branches"].items()}
    older = [number for number in known if number <= branch]
    return str(known[max(older)]) if older else None


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
    return tuple(int(part) for part in re.findall(r"\d+", version))
