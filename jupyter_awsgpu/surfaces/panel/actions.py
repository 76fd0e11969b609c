"""Which buttons an instance has, in which state, and what each says before it is done. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jupyter_awsgpu.model import InstanceState
from jupyter_awsgpu.verbs.terminate import what_is_lost

if TYPE_CHECKING:
    from jupyter_awsgpu.model import Instance

KEEP_HOURS = 1
"""What "keep" in the panel holds the idle stop off for."""


@dataclass(frozen=True, slots=True)
class Action:
    """One button: the verb of the grammar it runs, its label, and what must be confirmed first."""

    verb: str
    label: str
    arguments: tuple[str, ...]
    confirm: str | None = None
    main: bool = False

    @property
    def command(self) -> tuple[str, ...]:
        """The line that a terminal would run, without `awsgpu` itself."""
        return (self.verb, *self.arguments)


def actions_for(instance: Instance, *, busy: bool) -> tuple[Action, ...]:
    """Return the actions that fit the instance's state, the likeliest first; none while one is under way."""
    name = (instance.name,)
    if busy or not instance.state.alive:
        return ()
    if instance.state is InstanceState.STOPPED:
        return (Action("start", "Start", name, main=True), _image(instance), _terminate(instance))
    if instance.state is InstanceState.STOPPING:
        return (_terminate(instance),)
    connected = instance.tunnel is not None and instance.tunnel.phase == "up"
    verb, label = ("open", "Open Jupyter") if connected else ("connect", "Connect")
    leave = (Action("disconnect", "Disconnect", name),) if instance.tunnel is not None else ()
    way = Action(verb, label, name, main=True)
    return (way, _stop(instance), *leave, _image(instance), _terminate(instance))


def keep_action(instance: Instance) -> Action | None:
    """Return the button beside the idle countdown, where there is a countdown."""
    counts = instance.guest is not None and instance.guest.idle_stop_in_s is not None
    if not counts or instance.state is not InstanceState.RUNNING:
        return None
    return Action("keep", "Keep 1 h", (instance.name, str(KEEP_HOURS)))


def _stop(instance: Instance) -> Action:
    busy = instance.guest.busy_because if instance.guest else None
    confirm = f"{instance.name} is at work ({busy}). Stopping ends that; its disk stays." if busy else None
    return Action("stop", "Stop", (instance.name,), confirm)


def _image(instance: Instance) -> Action:
    stops = instance.state is not InstanceState.STOPPED
    confirm = f"{instance.name} is stopped for the image; what runs on it ends." if stops else None
    return Action("image", "Make image", (instance.name,), confirm)


def _terminate(instance: Instance) -> Action:
    return Action("terminate", "Terminate", (instance.name,), what_is_lost(instance))
