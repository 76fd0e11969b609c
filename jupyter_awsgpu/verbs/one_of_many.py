"""One machine of `launch --count`: the launch of a machine by itself, with what is asked for all taken from all."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from jupyter_awsgpu.errors import AwsGpuError
from jupyter_awsgpu.model import InstanceState
from jupyter_awsgpu.verbs.access import ensure_access
from jupyter_awsgpu.verbs.attempts import note_found
from jupyter_awsgpu.verbs.choice import Choice, require_consent
from jupyter_awsgpu.verbs.data import near_data
from jupyter_awsgpu.verbs.guard import arm_guard
from jupyter_awsgpu.verbs.launch import Launch
from jupyter_awsgpu.verbs.preflight import cleared
from jupyter_awsgpu.verbs.selection import with_tunnel
from jupyter_awsgpu.verbs.start import RUNNING_WITHIN_S
from jupyter_awsgpu.verbs.wishes import require_same_wishes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jupyter_awsgpu.cloud import Cloud
    from jupyter_awsgpu.cloud.request import ByPrice
    from jupyter_awsgpu.cloud.watch import Watch
    from jupyter_awsgpu.model import Event, Identity, Instance, Volume, Wishes
    from jupyter_awsgpu.records import JournalEntry, Operation
    from jupyter_awsgpu.verbs.access import Access
    from jupyter_awsgpu.verbs.arrival import Way
    from jupyter_awsgpu.verbs.workbench import Workbench

T = TypeVar("T")

PATIENT_REPLAYS = 12
"""EC2 gives an account two RunInstances a second: of many at once the last ones are told to come again, often."""

SETTLED_WITHIN_S = 60.0
"""How long Ctrl-C waits for requests that are under way: their answers are worth having."""


class Common:
    """What the machines of one `launch --count` share: what is asked once, the look at EC2, and the word to stop.

    `count` machines are to be made.
    """

    def __init__(self, bench: Workbench, identity: Identity, count: int) -> None:
        self.identity = identity
        self._bench = bench
        self._count = self._missing = count
        self._asking = threading.Lock()
        self._answers: dict[tuple[object, ...], Any] = {}
        self._lock = threading.Lock()
        self._watches: dict[str, Watch] = {}
        self._stop = threading.Event()
        self._requests = 0
        self._answered = threading.Condition()

    def once(self, question: tuple[object, ...], ask: Callable[[], T]) -> T:
        """Return the answer to a question that is asked once for all of them. Raises what was refused."""
        with self._asking:
            if question not in self._answers:
                try:
                    self._answers[question] = ask()
                except AwsGpuError as exc:
                    self._answers[question] = exc
            found: T | AwsGpuError = self._answers[question]
        if isinstance(found, AwsGpuError):
            raise found
        return found

    def access(self, cloud: Cloud, wishes: Wishes, vpc_id: str | None, tries: int) -> Access:
        """Return key pair and group of a region, asked for once; anew for who comes again. Raises what was refused."""
        question = ("access", cloud.region, tries)
        return self.once(question, lambda: ensure_access(self._bench, cloud, self.identity, wishes, vpc_id))

    def choice_in(self, region: str, wishes: Wishes, *, yes: bool) -> Choice:
        """Return what another region would give: with room for what is missing, and agreed to for all of them.

        The first that comes there has it judged for the others. Raises what refuses it, `NeedsYes` among them.
        """

        def judge() -> Choice:
            there = replace(wishes, region=region, zone=None, nodes=max(1, self._missing))
            choice = cleared(self._bench, there)
            for_all = replace(there, nodes=self._count)
            require_consent(self._bench, replace(choice, wishes=for_all), yes=yes)
            return choice

        return self.once(("choice", region), judge)

    def until_running(self, instance: Instance) -> Instance:
        """Return an instance once it runs."""
        with self._lock:
            watch = self._watches.setdefault(instance.region, self._bench.cloud(instance.region).watch())
        return watch.until_running(instance.instance_id, timeout_s=RUNNING_WITHIN_S, still=self.require_wanted)

    # ── Ctrl-C ───────────────────────────────────────────────────────────────────────────────

    def require_wanted(self) -> None:
        """Leave, as the person said who pressed Ctrl-C elsewhere."""
        if self._stop.is_set():
            raise KeyboardInterrupt

    def listening(self, listener: Callable[[Event], None] | None) -> Callable[[Event], None]:
        """Return a listener that ends its machine's launch at the next word, once all are to stop."""

        def hear(event: Event) -> None:
            self.require_wanted()
            if listener is not None:
                listener(event)

        return hear

    @contextmanager
    def requesting(self) -> Iterator[None]:
        """Send a request for a machine, which `stop` will wait for."""
        with self._answered:
            self.require_wanted()
            self._requests += 1
        made = 0
        try:
            yield
            made = 1
        finally:
            with self._answered:
                self._requests -= 1
                self._missing -= made
                self._answered.notify_all()

    def stop(self) -> None:
        """Let every machine's launch end soon, and return when no request to EC2 is without its answer."""
        self._stop.set()
        with self._answered:
            self._answered.wait_for(lambda: self._requests == 0, SETTLED_WITHIN_S)


class OneOfMany(Launch):
    """One of them, in a thread of its own."""

    replays = PATIENT_REPLAYS

    def __init__(self, bench: Workbench, wishes: Wishes, operation: Operation, way: Way, common: Common) -> None:
        super().__init__(bench, wishes, operation, way)
        self._common = common
        self._tries = 0

    def go_on(
        self, existing: Instance | None, data: Volume | None, choice: Choice | AwsGpuError, *, yes: bool
    ) -> Instance:
        """Bring the machine to its tunnel: the one that exists, or a new one."""
        self.data_gb = self.wishes.data_gb or (data.gb if data else 0)
        if existing is not None:
            return self._continue_one(existing, data)
        if isinstance(choice, Choice):
            choice = near_data(choice, data, yes=yes)
        made = self._create_somewhere(self._common.identity, choice, data, yes=yes)
        return self._arrive(made, data, booting=True)

    def _continue_one(self, instance: Instance, data: Volume | None) -> Instance:
        note_found(self.bench, (instance,))
        require_same_wishes(self.wishes, instance)
        booting = instance.state is not InstanceState.RUNNING
        if instance.state is InstanceState.PENDING:
            (instance,) = self._running((instance,))
        elif booting:
            from jupyter_awsgpu.verbs.start import start_instance

            instance = start_instance(self.bench, instance, self.operation)
        arm_guard(self.bench, (instance,), self.operation)
        return self._arrive((with_tunnel(self.bench, instance),), data, booting=booting)

    def _choice_in(self, region: str, *, yes: bool) -> Choice:
        choice = self._common.choice_in(region, self.wishes, yes=yes)
        return replace(choice, wishes=replace(choice.wishes, name=self.wishes.name, nodes=1))

    def _other_regions(self, tried: str) -> list[str]:
        ask = super()._other_regions
        return self._common.once(("regions", tried), lambda: ask(tried))

    def _requested(
        self, choice: Choice, entry: JournalEntry, request: dict[str, Any], by_price: ByPrice
    ) -> tuple[Instance, ...]:
        with self._common.requesting():
            return super()._requested(choice, entry, request, by_price)

    def _access(self, identity: Identity, choice: Choice) -> Access:  # noqa: ARG002 - all are of one
        self._tries += 1
        return self._common.access(choice.cloud, self.wishes, choice.vpc_id, self._tries)

    def _running(self, made: tuple[Instance, ...]) -> tuple[Instance, ...]:
        with self.operation.step("running", "Waiting until EC2 calls it running") as step:
            running = self._common.until_running(made[0])
            step.say(f"Running in {running.zone}")
        return (running,)
