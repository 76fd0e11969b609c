"""Many instances awaited at once: one question for all of them, as often as there would be one for a single one."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from jupyter_awsgpu.cloud.instances import KNOWN_WITHIN_S, instances
from jupyter_awsgpu.cloud.lifecycle import UNHEARD_S, hopeless, pause_after
from jupyter_awsgpu.errors import AwsGpuError, AwsThrottled, AwsUnreachable, InstanceGone, WrongState
from jupyter_awsgpu.model import InstanceState

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_awsgpu.cloud.place import Place
    from jupyter_awsgpu.model import Instance

RUNNING = frozenset({InstanceState.RUNNING})
LOOK_UP_S = 1.0
"""How often a waiting thread looks whether it is still wanted."""


class Watch:
    """Waits for instances of one region from many threads, over one stream of questions to EC2.

    They are asked for by filter: an id that EC2 does not know yet is no refusal there, for itself or the others.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._changed = threading.Condition()
        self._awaited: dict[str, float] = {}
        self._seen: dict[str, Instance] = {}
        self._refusal: AwsGpuError | None = None
        self._asking = False

    def until_running(self, instance_id: str, *, timeout_s: float, still: Callable[[], None]) -> Instance:
        """Return the instance once it runs; `still` may raise to give up.

        Raises `InstanceGone` or `NoCapacity` where it ends instead, `WrongState` where the time runs out.
        """
        began = time.monotonic()
        self._await(instance_id, began)
        try:
            return self._wait(instance_id, began, timeout_s, still)
        finally:
            with self._changed:
                self._awaited.pop(instance_id, None)  # whoever gave up is asked for no more

    def _wait(self, instance_id: str, began: float, timeout_s: float, still: Callable[[], None]) -> Instance:
        seen: Instance | None = None
        while time.monotonic() - began < timeout_s:
            still()
            with self._changed:
                self._changed.wait_for(lambda: instance_id not in self._awaited, LOOK_UP_S)
                seen, over = self._seen.get(instance_id), instance_id not in self._awaited
                refusal = self._refusal
            if seen is not None and seen.state in RUNNING:
                return seen
            lost = seen and hopeless(seen, RUNNING)
            if lost:
                raise lost
            if over:
                raise refusal or InstanceGone(name=instance_id, why="AWS does not know it")
        name, state = (seen.name, seen.state.value) if seen else (instance_id, "unknown to EC2")
        raise WrongState(name=name, state=state, verb="become running in time")

    def _await(self, instance_id: str, now: float) -> None:
        with self._changed:
            self._awaited[instance_id] = now
            if not self._asking:
                self._asking = True
                threading.Thread(target=self._ask, name="awsgpu watch", daemon=True).start()

    def _ask(self) -> None:
        """Ask until nobody waits any more."""
        heard = time.monotonic()
        while True:
            with self._changed:
                ids, latest = tuple(self._awaited), max(self._awaited.values(), default=0.0)
                if not ids:
                    self._asking = False
                    return
            asked = time.monotonic()
            try:
                self._take(instances(self._place, instance_ids=ids, include_terminated=True))
                heard = time.monotonic()
            except (AwsThrottled, AwsUnreachable) as exc:
                if time.monotonic() - heard > UNHEARD_S:
                    self._refuse(exc)
            except AwsGpuError as exc:
                self._refuse(exc)
            now = time.monotonic()
            time.sleep(max(pause_after(now - latest), now - asked))  # what takes long to answer is asked less often

    def _take(self, found: tuple[Instance, ...]) -> None:
        now = time.monotonic()
        with self._changed:
            self._seen.update({one.instance_id: one for one in found})
            settled = {one.instance_id for one in found if one.state in RUNNING or hopeless(one, RUNNING)}
            late = {one for one, began in self._awaited.items() if now - began > KNOWN_WITHIN_S}
            unknown = late - self._seen.keys()
            for one in settled | unknown:
                self._awaited.pop(one, None)
            self._changed.notify_all()

    def _refuse(self, exc: AwsGpuError) -> None:
        with self._changed:
            self._refusal = exc
            self._awaited.clear()
            self._changed.notify_all()
