"""Several machines at once, each in a thread: one that fails leaves the others, and Ctrl-C stops them all."""

from __future__ import annotations

import queue
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from jupyter_awsgpu.errors import AwsGpuError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jupyter_awsgpu.model import Instance

LOOK_UP_S = 0.5

Outcome = tuple[str, "Instance | None", "BaseException | None"]


class Crowd:
    """Does `one(name)` for each name at the same time; `told(ready, failed)` hears each end.

    The threads are daemons: an interpreter that ends waits for none of them, and each can be killed anywhere.
    """

    def __init__(self, names: Sequence[str], one: Callable[[str], Instance], told: Callable[[int, int], None]) -> None:
        self._names = tuple(names)
        self._one = one
        self._told = told
        self._ended: queue.SimpleQueue[Outcome] = queue.SimpleQueue()

    def run(self) -> tuple[dict[str, Instance], dict[str, AwsGpuError]]:
        """Return what came of each: a machine, or a refusal of the tree. Raises anything else that one met."""
        for name in self._names:
            threading.Thread(target=self._do, args=(name,), name=f"awsgpu {name}", daemon=True).start()
        done: dict[str, Instance] = {}
        failed: dict[str, AwsGpuError] = {}
        unforeseen: BaseException | None = None
        for _ in self._names:
            name, instance, error = self._next()
            if instance is not None:
                done[name] = instance
            elif isinstance(error, AwsGpuError):
                failed[name] = error
            else:
                unforeseen = unforeseen or error
            self._told(len(done), len(failed))
        if unforeseen is not None:
            raise unforeseen
        return done, failed

    def _next(self) -> Outcome:
        """Wait for the next end, in short steps: Ctrl-C would wait for a longer one on Windows."""
        while True:
            with suppress(queue.Empty):
                return self._ended.get(timeout=LOOK_UP_S)

    def _do(self, name: str) -> None:
        try:
            self._ended.put((name, self._one(name), None))
        except BaseException as exc:
            self._ended.put((name, None, exc))
