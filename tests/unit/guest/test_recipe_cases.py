"""Facts in, steps out: every row of the GPU table × image × option, written down here, not read from the table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from jupyter_awsgpu.drivers import fit
from jupyter_awsgpu.guest import driver, facts, first, interpreter, recipe
from jupyter_awsgpu.model import Gpu, Image

if TYPE_CHECKING:
    from pathlib import Path

VENDOR, UBUNTU = True, False
# model: PCI id, what apt installs on a plain image, from whose repository, on which processor
GPUS = {
    "K80": ("102d", "nvidia-driver-470-server", UBUNTU, "x86_64"),
    "M60": ("13f2", "cuda-drivers-580", VENDOR, "x86_64"),
    "V100": ("1db1", "cuda-drivers-580", VENDOR, "x86_64"),
    "T4": ("1eb8", "nvidia-open-580", VENDOR, "x86_64"),
    "T4G": ("1eb4", "nvidia-open-580", VENDOR, "aarch64"),
    "A100": ("20b0", "nvidia-open-580", VENDOR, "x86_64"),
    "A10G": ("2237", "nvidia-open-580", VENDOR, "x86_64"),
    "L4": ("27b8", "nvidia-open-580", VENDOR, "x86_64"),
    "L40S": ("26b9", "nvidia-open-580", VENDOR, "x86_64"),
    "H100": ("2330", "nvidia-open-580", VENDOR, "x86_64"),
    "H200": ("2335", "nvidia-open-580", VENDOR, "x86_64"),
    "B200": ("2901", "nvidia-open-580", VENDOR, "x86_64"),
    "B300": ("3182", "nvidia-open-580", VENDOR, "x86_64"),
    "RTX PRO 4500": ("2c31", "nvidia-open-580", VENDOR, "x86_64"),
    "RTX PRO 6000": ("2bb5", "nvidia-open-580", VENDOR, "x86_64"),
}
UNKNOWN = ("2fff", "nvidia-open-580", VENDOR, "x86_64")


class System(NamedTuple):
    """An image as the guest finds it: /etc/os-release, the driver that speaks, and the kernel."""

    os_id: str
    version: str
    driver: str | None = None
    kernel: str = "6.8.0-1024-aws"


IMAGES = {
    "ubuntu-20.04": System("ubuntu", "20.04", kernel="5.15.0-1084-aws"),
    "ubuntu-22.04": System("ubuntu", "22.04"),
    "ubuntu-24.04": System("ubuntu", "24.04", kernel="6.14.0-1011-aws"),
    "dlami": System("ubuntu", "22.04", "580.95.05"),
    "dlami-2022": System("ubuntu", "20.04", "470.141.03", "5.15.0-1017-aws"),
    "dlami-amazon": System("amzn", "2023", "580.95.05", "6.1.155"),
}
OPTIONS: dict[str, dict[str, Any]] = {
    "nothing wished": {},
    "--cuda": {"cuda": "11.4"},
    "--python miniforge": {"python": "miniforge"},
    "--python anaconda": {"python": "anaconda"},
    "--python system": {"python": "system"},
    "--env": {"environment": "requirements.txt"},
    "all": {"cuda": "12.6", "python": "anaconda", "environment": "environment.yml"},
}


def host(gpu: tuple[str, str, bool, str] | None, image: System, packages: tuple[str, ...] = ()) -> facts.Facts:
    ids = [gpu[0]] if gpu else []
    machine = gpu[3] if gpu else "x86_64"
    installed = dict.fromkeys(packages, "1")
    speaks = image.driver if gpu else None
    return facts.Facts(ids, speaks, image.os_id, image.version, image.kernel, machine, 30.0, installed)


def expected(gpu: tuple[str, str, bool, str] | None, image: System, config: dict[str, Any]) -> list[str]:
    keys = ["watch"]
    if gpu and image.driver is None:
        keys += ["nouveau", "headers", *(["repository"] if gpu[2] else []), "driver", "module", "gpu"]
    if gpu and config.get("cuda"):
        keys += ["repository", "cuda", "path"]
    keys += ["python", "packages"]
    return [*keys, *(["environment"] if config.get("environment") else []), "jupyter"]


@pytest.fixture(autouse=True)
def nobodys_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The recipe asks for files of the host in few places: of an empty one."""
    monkeypatch.setenv("AWSGPU_ROOT", str(tmp_path))
    (tmp_path / "run/awsgpu").mkdir(parents=True)
    (tmp_path / "run/awsgpu/spot.json").write_text('{"spot": false}')


@pytest.mark.parametrize("image", IMAGES)
@pytest.mark.parametrize("model", [*GPUS, "unknown", "no GPU"])
def test_the_steps_of_every_gpu_image_and_option(model: str, image: str) -> None:
    """Which steps, in which order; the driver's step names branch and module."""
    gpu = None if model == "no GPU" else GPUS.get(model, UNKNOWN)
    for option, config in OPTIONS.items():
        steps = recipe.of(config, host(gpu, IMAGES[image]))
        assert [step.key for step in steps] == expected(gpu, IMAGES[image], config), option
        said = " ".join(step.text for step in steps if step.key == "driver")
        assert [step.key for step in steps if step.reboot] == (["module"] if said else [])
        if said:
            assert gpu is not None
            assert gpu[1].removesuffix("-server")[-3:] in said
            assert ("open" in said) == ("open" in gpu[1])


def test_the_cases_are_the_table() -> None:
    """A row that is added there is missing here."""
    assert list(GPUS) == [row["model"] for row in driver.table()["gpus"]]
    for gpu, row in zip(GPUS.values(), driver.table()["gpus"], strict=True):
        assert gpu[0] in row["pci"]


@pytest.mark.parametrize("model", GPUS)
def test_what_apt_installs_for_each_gpu(model: str) -> None:
    """Packages and repository, by PCI id."""
    pci, package, vendor, _ = GPUS[model]
    chosen = driver.choose([pci], driver.table())
    assert (chosen.packages, chosen.vendor, chosen.refused) == ([package], vendor, "")


@pytest.mark.parametrize("image", ["ubuntu-22.04", "ubuntu-24.04"])
@pytest.mark.parametrize("model", [model for model, gpu in GPUS.items() if gpu[2]])
def test_a_driver_of_our_own_is_looked_at_again(model: str, image: str) -> None:
    """Once it speaks, the run after the reboot still walks the driver's steps (and finds them right)."""
    gpu = GPUS[model]
    found = host(gpu, IMAGES[image]._replace(driver="580.95.05"), packages=(gpu[1],))
    assert "gpu" in [step.key for step in recipe.of({}, found)]


@pytest.mark.parametrize("model", GPUS)
@pytest.mark.parametrize("kind", ["ubuntu", "dlami"])
def test_the_laptop_plans_what_the_guest_does(model: str, kind: str) -> None:
    """Branch and module of `plan` are those of the recipe, or `plan` refuses."""
    row = next(row for row in driver.table()["gpus"] if row["model"] == model)
    brought = "580.95.05" if kind == "dlami" else None
    image = Image("ami-1", "Ubuntu 22.04", "us-west-2", kind, "ubuntu", "/dev/sda1", 40, driver=brought)  # type: ignore[arg-type]
    verdict = fit(Gpu(model, 1, 16384, row["compute_capability"]), image)
    chosen = driver.choose(row["pci"][:1], driver.table())
    assert verdict.ok == (kind == "ubuntu" or row["module"] != "proprietary")
    assert verdict.branch in (chosen.branch, None)


def test_what_travels_in_user_data_does_the_same_but_for_what_the_laptop_brings() -> None:
    """The first part's steps are the recipe's without watchdog, environment and data."""
    whole = [step.key for step in recipe.of({"environment": "x.txt", "python": "system"}, facts.gather())]
    assert [step.key for step in first.steps({"environment": "x.txt", "python": "system"})] == [
        key for key in whole if key not in ("watch", "environment", "data")
    ]


@pytest.mark.parametrize(
    ("os_id", "version", "name"),
    [("ubuntu", "22.04", "ubuntu2204"), ("ubuntu", "24.04", "ubuntu2404"), ("debian", "12.7", "debian12")],
)
def test_systems_are_named_as_in_nvidias_repository(os_id: str, version: str, name: str) -> None:
    """As in https://developer.download.nvidia.com/compute/cuda/repos/."""
    assert driver.repository_of(os_id, version) == name


@pytest.mark.parametrize("wish", ["auto", "miniforge", "anaconda", "system"])
def test_pythons_steps_are_the_same_for_every_wish(wish: str) -> None:
    """What differs is inside them, seen on real hosts."""
    assert [step.key for step in interpreter.steps({"python": wish}, "x86_64")] == ["python", "packages"]
