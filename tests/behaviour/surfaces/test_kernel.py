"""The magic while it runs: the stop button, and a launch that goes on by itself."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from jupyter_client.manager import start_new_kernel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.behaviour.surfaces.conftest import Outcome


class Kernel:
    """A kernel, and what its cells put out."""

    def __init__(self) -> None:
        self.manager, self.client = start_new_kernel(kernel_name="python3")

    def begin(self, code: str) -> str:
        """Send a cell and return its message id."""
        identity: str = self.client.execute(code)
        return identity

    def until(self, wanted: Callable[[dict[str, Any]], bool], *, within_s: float = 120) -> dict[str, Any]:
        """Read outputs until one is wanted."""
        deadline = time.monotonic() + within_s
        while True:
            message: dict[str, Any] = self.client.get_iopub_msg(timeout=max(0.1, deadline - time.monotonic()))
            if wanted(message):
                return message

    def run(self, code: str) -> None:
        """Run a cell to its end."""
        cell = self.begin(code)
        self.until(lambda message: _ended(message, cell))

    def close(self) -> None:
        """End it."""
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


def _ended(message: dict[str, Any], cell: str) -> bool:
    idle = message["msg_type"] == "status" and message["content"]["execution_state"] == "idle"
    return idle and message["parent_header"].get("msg_id") == cell


def _shows(words: str) -> Callable[[dict[str, Any]], bool]:
    return lambda message: words in message["content"].get("data", {}).get("text/plain", "")


@pytest.fixture
def kernel(awsgpu: Callable[..., Outcome]) -> Iterator[Kernel]:
    """A kernel with the extension loaded, where the simulated AWS runs."""
    assert awsgpu("demo", "status").status == 0
    made = Kernel()
    made.run("%load_ext jupyter_awsgpu")
    yield made
    made.close()


def test_the_stop_button_ends_a_launch_and_says_how_to_go_on(kernel: Kernel, awsgpu: Callable[..., Outcome]) -> None:
    """Within a second, with what exists and the magic that continues it."""
    kernel.begin("%awsgpu --demo launch p2.xlarge --name halted --yes")
    kernel.until(_shows("EC2 gave"))
    pressed = time.monotonic()
    kernel.manager.interrupt_kernel()
    error = kernel.until(lambda message: message["msg_type"] == "error")
    assert time.monotonic() - pressed < 10.0  # a second, and time for a busy machine
    shown = "\n".join(error["content"]["traceback"])
    assert "exists and costs money" in shown
    assert "%awsgpu --demo launch p2.xlarge --name halted" in shown
    assert awsgpu("terminate", "halted", "--yes").status == 0


def test_a_detached_launch_is_followed_in_its_cell(kernel: Kernel, awsgpu: Callable[..., Outcome]) -> None:
    """The cell ends at once, other cells run, and its output still arrives at the end."""
    cell = kernel.begin("%awsgpu --demo launch p2.xlarge --name later --detach --yes")
    kernel.until(lambda message: _ended(message, cell))
    kernel.begin("print(1 + 1)")
    kernel.until(lambda message: message["content"].get("text", "") == "2\n")
    kernel.until(_shows("launch later:"))
    assert awsgpu("terminate", "later", "--yes").status == 0
