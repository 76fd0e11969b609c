"""The simulated hardware: the type's GPU, its driver where the image has one, and its load."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.behaviour.hosts.hosts_yard import Yard

_DLAMI = {"kind": "dlami", "driver": "470.256.02", "historical": True}
_QUERY = "nvidia-smi --query-gpu=name,driver_version,memory.total,utilization.gpu --format=csv,noheader"


def test_nvidia_smi_speaks_for_the_types_gpu(yard: Yard) -> None:
    """A p2.xlarge has one K80 under R470: in the table, the list and the query."""
    spec = yard.boot(image=_DLAMI)
    assert yard.run(spec, _QUERY)[1] == "Tesla K80, 470.256.02, 11441 MiB, 0 %\n"
    assert yard.run(spec, "nvidia-smi -L")[1].startswith("GPU 0: Tesla K80 (UUID: GPU-")
    assert "CUDA Version: 11.4" in yard.run(spec, "nvidia-smi")[1]
    assert yard.run(spec, "nvidia-smi --query-gpu=memory.total --format=csv,noheader,nounits")[1] == "11441\n"
    assert yard.run(spec, "nvidia-smi --query-gpu=nonsense --format=csv")[0] == 2


@pytest.mark.parametrize(
    ("instance_type", "count", "name"),
    [("p3.8xlarge", 4, "Tesla V100-SXM2-16GB"), ("g4dn.xlarge", 1, "Tesla T4"), ("g5.48xlarge", 8, "NVIDIA A10G")],
)
def test_every_gpu_of_the_type_is_there(yard: Yard, instance_type: str, count: int, name: str) -> None:
    """Types with several GPUs show them all, in nvidia-smi and on the PCI bus."""
    spec = yard.boot(instance_type=instance_type, image={"kind": "dlami", "driver": "580.95.05"})
    lines = yard.run(spec, "nvidia-smi --query-gpu=name --format=csv,noheader")[1].splitlines()
    assert lines == [name] * count
    assert yard.run(spec, "lspci -nn")[1].count("[10de:") == count


def test_driver_that_does_not_know_the_gpu_fails(yard: Yard) -> None:
    """R580 has dropped the K80, and a type without GPU has none: nvidia-smi fails as the driver does."""
    new = yard.boot("1", image={"kind": "dlami", "driver": "580.95.05"})
    none = yard.boot("2", instance_type="t2.micro", image=_DLAMI)
    for spec in (new, none):
        status, text, _ = yard.run(spec, "nvidia-smi")
        assert status == 9
        assert text.startswith("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.")


def test_plain_image_has_no_driver_until_one_is_installed(yard: Yard) -> None:
    """nvidia-smi is absent on plain Ubuntu; a driver package brings it, and it stays after a stop."""
    spec = yard.boot(instance_type="g4dn.xlarge")
    assert yard.run(spec, "nvidia-smi")[0] == 127
    assert yard.run(spec, "sudo apt-get install -y nvidia-driver-570-server")[0] == 0
    yard.fleet.stop(spec.instance_id)
    yard.again(spec)
    assert yard.run(spec, _QUERY)[1] == "Tesla T4, 570.195.03, 15360 MiB, 0 %\n"


def test_gpu_is_busy_when_told(yard: Yard) -> None:
    """A sham load set from outside shows in the utilisation."""
    spec = yard.boot(image=_DLAMI)
    yard.fleet.set_busy(spec.instance_id, 87)
    assert yard.run(spec, f"sleep 0.1; {_QUERY}")[1].endswith(", 87 %\n")
    assert "SIMULATED" in yard.run(spec, "nvidia-smi --version")[1]


def test_deep_learning_image_starts_jupyter_without_a_download(yard: Yard) -> None:
    """The image's interpreter has JupyterLab beside it, and not our own package."""
    spec = yard.boot(image=_DLAMI)
    status, text, _ = yard.run(
        spec,
        "cd ${AWSGPU_ROOT}/opt/conda/bin; ./jupyter server --version; ./python -c 'import jupyterlab'",
    )
    assert (status, text.count(".")) == (0, 2)


def test_gpu_is_busy_while_a_kernel_computes(yard: Yard) -> None:
    """A kernel that uses the processor is a process on the GPU."""
    spec = yard.boot(image=_DLAMI)
    client = yard.connect(spec)
    spin = '${AWSGPU_ROOT}/opt/conda/bin/python -c "print(1, flush=True)\nwhile True: pass" ipykernel_launcher'
    _, out, _ = client.exec_command(spin)
    assert out.readline() == "1\n"
    text = yard.run(spec, "nvidia-smi --query-compute-apps=pid,name --format=csv,noheader; " + _QUERY)[1]
    assert "conda/bin/python" in text
    assert not text.endswith(", 0 %\n")
