"""One machine behind each instance: its states with true delays, its host, its address, its history.

moto changes states at once and lets a terminated instance start again; AWS goes through `pending`,
`stopping` and `shutting-down`, gives a new public address at every start, and keeps a terminated
instance visible for about an hour (EC2 user guide, "Instance lifecycle").
"""

from __future__ import annotations

import itertools
import logging
import sys
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.demo.aws.faults import BOOT
from jupyter_awsgpu.demo.aws.machine import BROKEN, GUEST, PORT_TAG, REASONS, USER, Machine, root_gb, tags_of

if TYPE_CHECKING:
    from jupyter_awsgpu.demo.aws.world import World
    from jupyter_awsgpu.demo.hosts.spec import HostAddress

log = logging.getLogger(__name__)


class Machines:
    """All machines of the simulated AWS, in every region."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._all: dict[str, Machine] = {}
        self._hosts = itertools.count(1)
        world.fleet.on_shutdown = self.guest_shut_down

    def all(self, region: str | None = None) -> list[Machine]:
        """Return the machines, of one region if asked."""
        return [one for one in self._all.values() if region in (None, one.region)]

    def get(self, instance_id: str) -> Machine | None:
        """Return a machine by its instance id."""
        return self._all.get(instance_id)

    def add(self, machine: Machine) -> None:
        """Take over an instance that RunInstances made, and boot it."""
        self._all[machine.id] = machine
        machine.known_at = time.time() + self._world.settings.staleness_s
        self._boot(machine)

    def start(self, machine: Machine) -> None:
        """Leave `stopped`: a new boot, at a new public address."""
        machine.instance.launch_time = datetime.now(UTC).replace(tzinfo=None)
        self._boot(machine)

    def stop(self, machine: Machine, why: tuple[str, str] = USER) -> None:
        """Go to `stopped`, through `stopping`."""
        self._leave(machine, "stopping", "stopped", why)

    def terminate(self, machine: Machine, why: tuple[str, str] = USER) -> None:
        """Go to `terminated`, through `shutting-down`; the volumes that say so go with it."""
        self._leave(machine, "shutting-down", "terminated", why)

    def reboot(self, machine: Machine) -> None:
        """Reboot the host; the state stays `running` (EC2 user guide, "Reboot your instance")."""
        self._aside(self._world.fleet.reboot, machine.id)

    def guest_shut_down(self, instance_id: str) -> None:
        """Follow a `shutdown` inside the guest: stopped or terminated, as the instance was launched."""
        with self._world.lock:
            machine = self._all.get(instance_id)
            if machine is None or machine.state not in ("running", "pending"):
                return
            ends = machine.instance.instance_initiated_shutdown_behavior == "terminate"
            (self.terminate if ends or machine.one_time else self.stop)(machine, GUEST)

    def clear(self) -> None:
        """Forget all machines and end their hosts."""
        gone, self._all = list(self._all.values()), {}
        for machine in gone:
            machine.epoch += 1
            with machine.host_lock:
                if machine.state != "terminated":
                    self._world.fleet.terminate(machine.id)

    # ── boot ──

    def _boot(self, machine: Machine) -> None:
        machine.change("pending")
        machine.say(("", ""), "")
        for nic in machine.instance.nics.values():
            nic.public_ip = None
        epoch, begun = machine.epoch, time.monotonic()
        ending = self._ending(machine)
        if ending is not None:
            self._world.later(self._world.settings.pending_s, lambda: self._failed(machine, epoch, ending))
            return
        spec = self._spec(machine)

        def boot() -> None:
            try:
                with machine.host_lock:
                    if machine.epoch != epoch:
                        return
                    place = self._world.fleet.boot(spec)
                    private = self._world.fleet.private_address(spec)
            except Exception:
                log.exception("%s could not boot", machine.id)  # shown as AWS shows it: a failed launch
                self._world.later(0, lambda: self._failed(machine, epoch, BROKEN))
                return
            left = self._world.settings.pending_s - (time.monotonic() - begun)
            self._world.later(max(0.0, left), lambda: self._running(machine, epoch, place, private))

        threading.Thread(target=boot, name=f"boot {machine.id}", daemon=True).start()

    def _ending(self, machine: Machine) -> tuple[str, str] | None:
        """Return why EC2, having accepted it, will not let it run: a fault of the operation `Boot`."""
        itype = machine.instance.instance_type
        fault = self._world.faults.take(BOOT, service="ec2", region=machine.region, instance_type=itype)
        if fault is None or not fault.code:
            return None
        return fault.code, fault.message or REASONS.get(fault.code, f"{fault.code}: {fault.text}")

    def _spec(self, machine: Machine) -> Any:
        from jupyter_awsgpu.demo.aws.operations import store
        from jupyter_awsgpu.demo.hosts.spec import HostSpec

        instance, facts = machine.instance, machine.image_facts
        subnet = instance.nics[0].subnet
        return HostSpec(
            instance_id=machine.id,
            user=facts["user"],
            authorized_keys=machine.authorized_keys,
            user_data=machine.user_data,
            instance_type=instance.instance_type,
            folder=self._world.state_dir / "hosts" / machine.id,
            image=facts,
            tags=tags_of(instance),
            private_address=str(instance.private_ip),
            launch_index=int(instance.ami_launch_index),
            network=str(store(machine.region).get_vpc(subnet.vpc_id).cidr_block),
            vpc=f"{machine.region} {subnet.vpc_id}",
            address=self._next_address(),
            disk_gb=root_gb(instance),
            image_folder=machine.image_folder,
            region=machine.region,
            zone=str(instance.placement.zone),
            image_id=instance.image_id,
            lifecycle="spot" if machine.interruptible else "on-demand",
        )

    def _next_address(self) -> str:
        """Return a fresh public address. Linux answers on all of 127/8; elsewhere only the port tells hosts apart."""
        if not sys.platform.startswith("linux"):
            return "127.0.0.1"
        number = next(self._hosts)
        return f"127.64.{number // 250 % 250}.{number % 250 + 1}"

    def _running(self, machine: Machine, epoch: int, place: HostAddress, private: str) -> None:
        if machine.epoch != epoch:
            return
        machine.port = place.port
        machine.instance.add_tag(PORT_TAG, str(place.port))
        nic = machine.instance.nics[0]
        nic.private_ip_address = private
        if nic.public_ip_auto_assign or machine.instance.associate_public_ip:
            nic.public_ip = place.address
        machine.change("running")

    def _failed(self, machine: Machine, epoch: int, why: tuple[str, str]) -> None:
        """End what cannot run: a new instance terminates, one that ran before is stopped again."""
        if machine.epoch == epoch:
            ran = any(state == "running" for _, state in machine.history)
            (self.stop if ran else self.terminate)(machine, why)

    # ── leaving ──

    def _leave(self, machine: Machine, through: str, end: str, why: tuple[str, str]) -> None:
        stamp = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S GMT")
        machine.change(through)
        machine.say(why, f"User initiated ({stamp})" if why is USER else why[1])
        epoch, begun = machine.epoch, time.monotonic()
        fleet = self._world.fleet

        def leave() -> None:
            try:
                with machine.host_lock:
                    (fleet.terminate if end == "terminated" else fleet.stop)(machine.id)
            except Exception:
                log.exception("%s did not leave cleanly", machine.id)  # the instance must not hang in its state
            left = self._world.settings.stopping_s - (time.monotonic() - begun)
            self._world.later(max(0.0, left), lambda: self._left(machine, epoch, end))

        threading.Thread(target=leave, name=f"{through} {machine.id}", daemon=True).start()

    def _left(self, machine: Machine, epoch: int, end: str) -> None:
        if machine.epoch != epoch:
            return
        if end == "terminated":
            reason, why = machine.instance._reason, machine.instance.state_reason  # noqa: SLF001 - moto's field
            self._close_volumes(machine)
            machine.instance.terminate()  # moto's: frees the addresses and deletes the volumes
            machine.instance._reason, machine.instance.state_reason = reason, why  # noqa: SLF001 - moto's field
            self._world.later(self._world.settings.terminated_s, lambda: self._forget(machine))
            if machine.relaunch is not None:
                self._world.later(self._world.settings.pending_s, machine.relaunch)
        else:
            for nic in machine.instance.nics.values():
                nic.stop()
        machine.change(end)

    def _close_volumes(self, machine: Machine) -> None:
        from jupyter_awsgpu.demo.aws import ledger
        from jupyter_awsgpu.demo.aws.operations import store

        for device in machine.instance.block_device_mapping.values():
            if device.delete_on_termination:
                ledger.close_volume(self._world, store(machine.region).get_volume(device.volume_id), machine.region)

    def _forget(self, machine: Machine) -> None:
        from jupyter_awsgpu.demo.aws import ledger
        from jupyter_awsgpu.demo.aws.operations import store

        if self._all.pop(machine.id, None) is None:
            return
        for row in ledger.machine_rows(machine):
            ledger.close(self._world, row)
        reservations = store(machine.region).reservations
        for key, reservation in list(reservations.items()):
            reservation.instances = [one for one in reservation.instances if one.id != machine.id]
            if not reservation.instances:
                del reservations[key]

    def _aside(self, what: Any, *values: object) -> None:
        threading.Thread(target=what, args=values, daemon=True).start()


def machines(world: World) -> Machines:
    """Return the world's machines."""
    return world.book("machines", lambda: Machines(world))
