"""The one place that builds concrete things, and lets the demo's endpoints in.

A simulated AWS enters here and only here, as an endpoint and credentials of its own: every room
above and below works with real boto3 and real SSH and cannot tell.
"""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from traitlets.config import Config

    from jupyter_awsgpu.cloud import Clouds
    from jupyter_awsgpu.demo.client import DemoStatus
    from jupyter_awsgpu.host import Host
    from jupyter_awsgpu.model import Endpoint, Event
    from jupyter_awsgpu.settings import AWSGPU
    from jupyter_awsgpu.verbs.workbench import Workbench

DEMO_REGION = "us-west-2"
"""Where the demo launches unless told otherwise: the tutorial's Oregon."""


def bench(
    options: Mapping[str, object] | None = None,
    *,
    config: Config | None = None,
    listener: Callable[[Event], None] | None = None,
) -> Workbench:
    """Open the rooms for these options; with `demo`, the simulated AWS is started on demand.

    Raises `BadValue` for a setting that does not fit, and the demo's errors.
    """
    from jupyter_awsgpu import settings as configuration

    return workbench(configuration.load(options, config), listener)


def workbench(settings: AWSGPU, listener: Callable[[Event], None] | None = None) -> Workbench:
    """Open the rooms for settings already loaded."""
    from jupyter_awsgpu.host import Hosts
    from jupyter_awsgpu.records import Records
    from jupyter_awsgpu.tunnel import Tunnels
    from jupyter_awsgpu.verbs.workbench import Workbench

    records = Records(settings.data_folder)
    return Workbench(
        settings=settings,
        clouds=_clouds(settings),
        records=records,
        hosts=Hosts(pins=records.pins, keys=records.keys),
        tunnels=Tunnels(records.tunnel_folder, records.log_folder, _tunnel_command),
        listener=listener,
    )


def _clouds(settings: AWSGPU) -> Clouds:
    if settings.demo:
        return _demo_clouds(settings)
    return _real_clouds(settings.profile, settings.region, settings.address_url, settings.cache_folder)


@lru_cache(maxsize=8)
def _real_clouds(profile: str | None, region: str | None, address_url: str, cache: Path) -> Clouds:
    """One boto3 session a process for each profile: building a second one costs 150 ms."""
    from jupyter_awsgpu.cloud import Clouds
    from jupyter_awsgpu.records import FactCache

    return Clouds(profile=profile, region=region, address_url=address_url, cache=FactCache(cache / "facts"))


def _demo_clouds(settings: AWSGPU) -> Clouds:
    running = demo_up(settings)
    return _clouds_of_demo(
        running.endpoint,
        running.access_key_id,
        running.secret_access_key,
        settings.region or DEMO_REGION,
        settings.cache_folder,
    )


@lru_cache(maxsize=8)
def _clouds_of_demo(endpoint: str, key_id: str, secret: str, region: str, cache: Path) -> Clouds:
    from jupyter_awsgpu.cloud import Clouds
    from jupyter_awsgpu.records import FactCache

    return Clouds(
        region=region,
        endpoint=endpoint,
        credentials=(key_id, secret),
        address_url=f"{endpoint}/_awsgpu/address",
        cache=FactCache(cache / "facts" / key_id),
        demo=True,
    )


# ── the simulated AWS ────────────────────────────────────────────────────────────────────────


def demo_folder(settings: AWSGPU) -> Path:
    """Return the simulated AWS's own folder, apart from everything real."""
    demo = settings.data_folder if settings.demo else settings.data_folder / "demo"
    return demo / "aws"


def demo_up(settings: AWSGPU) -> DemoStatus:
    """Start the simulated AWS unless it runs (`DemoFailed`, `ExtraMissing`)."""
    from jupyter_awsgpu.demo import client

    return client.up(demo_folder(settings))


def demo_down(settings: AWSGPU) -> bool:
    """End the simulated AWS with all its instances and their tunnels; say whether it ran."""
    from jupyter_awsgpu.demo import client
    from jupyter_awsgpu.tunnel import Tunnels

    folder = demo_folder(settings).parent
    tunnels = Tunnels(folder / "tunnels", folder / "logs", _tunnel_command)
    for one in tunnels.all():
        tunnels.close(one.instance_id)
    return client.down(demo_folder(settings))


def demo_status(settings: AWSGPU) -> DemoStatus:
    """Return whether the simulated AWS runs, and how any EC2 client can look at it."""
    from jupyter_awsgpu.demo import client

    return client.status(demo_folder(settings))


# ── the tunnel's own process ─────────────────────────────────────────────────────────────────


def _tunnel_command(record: str) -> list[str]:
    return [sys.executable, "-m", "jupyter_awsgpu", "_tunnel", record]


def tunnel_process(record: Path) -> int:
    """Be the tunnel of one record until it is closed; return the exit status.

    The instance is looked for by a child: without boto3 and settings an idle tunnel stays small.
    """
    from jupyter_awsgpu.host import Hosts
    from jupyter_awsgpu.records import Records
    from jupyter_awsgpu.tunnel import asking, serve, stay_small

    stay_small()
    document = json.loads(record.read_text(encoding="utf-8"))
    records = Records(record.parent.parent)
    hosts = Hosts(pins=records.pins, keys=records.keys)

    def connect(endpoint: Endpoint) -> Host:
        return hosts.connect(endpoint, launch_id=document["launch_id"], name=document["name"])

    def observe(host: Host) -> None:
        from jupyter_awsgpu.remote.guest import watch_reports

        watch_reports(host, lambda report: records.reports.write(document["instance_id"], _plain(report)))

    return serve(record, locate=lambda: asking.ask(_location_command(record)), connect=connect, observe=observe)


def _location_command(record: Path) -> list[str]:
    """Return the child that asks AWS: its libraries would double the size of a tunnel that is idle again."""
    script = "import sys; from jupyter_awsgpu import wiring; sys.exit(wiring.tell_location(sys.argv[1]))"
    return [sys.executable, "-c", script, str(record)]


def tell_location(record: str) -> int:
    """Print where the instance of a tunnel's record answers now; return the exit status."""
    from jupyter_awsgpu.records import held
    from jupyter_awsgpu.tunnel import asking

    document = json.loads(held.read(Path(record)))
    return asking.answer(lambda: _locate(_tunnel_settings(document), document))


def reach_for_kernel(document: Mapping[str, Any]) -> Host:
    """Return a verified connection to the instance of a kernel spec, at its last address or where AWS says.

    Raises `InstanceGone`, `WrongState` for one that is stopped, and the errors of the way in.
    """
    from jupyter_awsgpu.errors import SshUnreachable
    from jupyter_awsgpu.host import Hosts
    from jupyter_awsgpu.model import Endpoint
    from jupyter_awsgpu.records import Records
    from jupyter_awsgpu.verbs.connect import require_running

    settings = _tunnel_settings(document)
    records = Records(settings.data_folder)
    hosts = Hosts(pins=records.pins, keys=records.keys)
    named = {"launch_id": document["launch_id"], "name": document["name"]}
    last = document["endpoint"]
    try:
        return hosts.connect(Endpoint(**{**last, "key_file": Path(last["key_file"])}), **named)
    except SshUnreachable:
        found = _locate(settings, document)
        require_running(workbench(settings).cloud(document["region"]).instance(document["instance_id"]), "run a kernel")
        return hosts.connect(found, **named)


def _tunnel_settings(document: Mapping[str, Any]) -> AWSGPU:
    from jupyter_awsgpu import settings as configuration

    extra = document.get("extra", {})
    return configuration.load({key: extra.get(key) for key in ("demo", "profile", "data_dir", "allow_from")})


def _locate(settings: AWSGPU, document: Mapping[str, Any]) -> Endpoint:
    """Ask AWS where the instance answers now, and let this machine's present address in."""
    from dataclasses import replace

    from jupyter_awsgpu.errors import AwsGpuError, InstanceGone
    from jupyter_awsgpu.verbs.access import renew_ingress
    from jupyter_awsgpu.verbs.selection import endpoint

    if settings.demo and not demo_status(settings).running:
        raise InstanceGone(name=document["name"], why="the simulated AWS has ended")
    rooms = workbench(settings)
    instance = rooms.cloud(document["region"]).instance(document["instance_id"])
    if not instance.state.alive:
        raise InstanceGone(name=instance.name, why=instance.state_reason or instance.state.value)
    with suppress(AwsGpuError):  # a group we may not change: the address may be right all the same
        renew_ingress(rooms, instance)
    return replace(endpoint(rooms, instance), via=document.get("extra", {}).get("via"))


def _plain(report: object) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(json.dumps(asdict(report), default=str))  # type: ignore[call-overload]
    return document
