"""Facts are parsed by pure functions: real outputs in, values out."""

from __future__ import annotations

import pytest

from jupyter_awsgpu.guest import facts, interpreter, progress, systemd
from jupyter_awsgpu.guest.services import Service


def test_gpus_are_known_by_pci_id_and_class() -> None:
    """NVIDIA's GPUs count; its audio functions and other makers' cards do not."""
    text = "00:00.0 0600: 8086:1237 (rev 02)\n00:1e.0 0302: 10de:102d (rev a1)\n"
    text += "00:1f.1 0403: 10de:0e1b\n00:1d.0 0300: 1002:7362\n"
    assert facts.gpus_of_lspci(text) == ["102d"]
    rows = [("0x030200\n", "0x10de\n", "0x1eb8\n"), ("0x060000", "0x8086", "0x1237")]
    assert facts.gpus_of_sysfs(rows) == ["1eb8"]


@pytest.mark.parametrize(
    ("status", "text", "driver_version"),
    [
        (0, "470.256.02\n", "470.256.02"),
        (0, "580.95.05\n580.95.05\n", "580.95.05"),
        (9, "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n", None),
        (0, "No devices were found\n", None),
        (127, "nvidia-smi: not found", None),
        (0, "", None),
    ],
)
def test_only_a_version_proves_a_driver(status: int, text: str, driver_version: str | None) -> None:
    """Not the exit code: nvidia-smi exits 0 without a device, too."""
    assert facts.driver_version(status, text) == driver_version


def test_the_use_of_several_gpus_is_one_figure() -> None:
    """The busiest one's percent, the memory of all."""
    assert facts.gpu_use("37, 1200, 15360\n0, 3, 15360\n") == {
        "percent": 37,
        "memory_used_mib": 1203,
        "memory_total_mib": 30720,
    }
    assert facts.gpu_use("[N/A], 3, 4") is None


def test_os_release_cuda_and_packages() -> None:
    """The other parsers, each on real text."""
    assert facts.os_release('ID=ubuntu\nVERSION_ID="22.04"\n# x=y\n')["VERSION_ID"] == "22.04"
    assert (
        facts.cuda_of_smi("| NVIDIA-SMI 470.256.02   Driver Version: 470.256.02   CUDA Version: 11.4     |") == "11.4"
    )
    assert facts.nvcc_version("Cuda compilation tools, release 12.6, V12.6.85") == "12.6"
    listed = "dkms 3.0 install ok installed\nnvidia 1 deinstall ok config-files\nhalf 1 install ok half-configured\n"
    assert facts.installed_packages(listed) == {"dkms": "3.0"}


@pytest.mark.parametrize(
    ("wanted", "have", "lacking"),
    [
        (["jupyterlab>=4.2"], {"jupyterlab": "4.10.1"}, []),
        (["jupyterlab>=4.2"], {"jupyterlab": "3.6.8"}, ["jupyterlab>=4.2"]),
        (["ipykernel"], {}, ["ipykernel"]),
        (["a_b==1.0"], {"a-b": "1.0"}, []),
    ],
)
def test_requirements_are_compared_as_versions(wanted: list, have: dict, lacking: list) -> None:
    """4.10 is newer than 4.2."""
    assert interpreter.missing(wanted, have) == lacking


def test_the_last_run_is_what_counts() -> None:
    """Progress folds to the newest run; half a run is still provisioning."""
    plan = [{"key": "a", "text": "A"}, {"key": "b", "text": "B"}]
    rows = [
        {"phase": "began", "plan": plan},
        {"phase": "failed", "step": "a", "text": "A", "log": "no"},
        {"phase": "gave-up"},
        {"phase": "began", "plan": plan},
        {"phase": "done", "step": "a", "text": "A", "seconds": 1},
    ]
    assert progress.fold(rows[:3])["phase"] == "failed"
    folded = progress.fold(rows)
    assert folded["phase"] == "provisioning"
    assert [step["phase"] for step in folded["steps"]] == ["done", "waiting"]
    assert progress.fold([]) == {"phase": "provisioning", "steps": [], "boot": None, "program": None}
    assert progress.fold([*rows[:3], {"phase": "asked"}])["phase"] == "provisioning"


def test_nothing_in_a_unit_is_read_by_systemd() -> None:
    """Percent signs, dollars and quotes in an argument stay themselves."""
    text = systemd.unit(Service("x", ["/bin/echo", 'a "b" $HOME 100%'], env={"A": "1 $2 %n"}))
    assert 'ExecStart="/bin/echo" "a \\"b\\" $$HOME 100%%"' in text
    assert 'Environment="A=1 $2 %%n"' in text
