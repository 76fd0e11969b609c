"""The verbs of `awsgpu-guest`: a few words in, JSON or lines out."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import time

from . import (
    cluster,
    commands,
    data,
    hostkey,
    identity,
    jupyter,
    kernels,
    nodes,
    paths,
    progress,
    recipe,
    report,
    run,
    seed,
    services,
    watch,
)

CHANGEABLE = ("environment", "pip_index", "mirror", "price_per_hour")


def main(words: list) -> int:
    """Run one verb; a failure is one sentence on stderr and status 1."""
    known = _grammar().parse_args(words)
    try:
        return known.verb(known) or 0
    except commands.Failed as exc:
        print("awsgpu-guest: %s" % exc, file=sys.stderr)  # noqa: T201 - a command's answer
        return 1


def _grammar() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="awsgpu-guest")
    verbs = parser.add_subparsers(required=True, dest="name")

    def verb(name: str, does) -> argparse.ArgumentParser:  # noqa: ANN001 - a function of the parsed words
        one = verbs.add_parser(name, help=(does.__doc__ or name).splitlines()[0])
        one.set_defaults(verb=does)
        return one

    verb("boot", boot).add_argument("--early", action="store_true")
    verb("provision", provision).add_argument("--here", action="store_true")
    status = verb("status", show_status)
    for option in ("--json", "--follow", "--until-settled"):
        status.add_argument(option, action="store_true")
    verb("hostkey", host_key).add_argument("act", choices=["offer", "confirm"])
    verb("keep", keep).add_argument("hours", type=float)
    logs = verb("logs", show_logs)
    logs.add_argument("-f", dest="follow", action="store_true")
    logs.add_argument("--source", choices=["guest", "jupyter"], default="guest")
    verb("jupyter", show_jupyter).add_argument("--json", action="store_true")
    several = verb("cluster", be_a_node)
    several.add_argument("act", choices=["join", "show", "serve"])
    several.add_argument("--secrets", action="store_true")
    verb("update", update)
    verb("configure", configure)
    verb("tick", tick)
    verb("grow", grow)
    verb("supervise", supervise)
    return parser


def boot(known: argparse.Namespace) -> None:
    """Settle whose machine this is, arm the shutdown, start the services; at every boot, safely again."""
    another = seed.boot(known.early)
    kernels.tell_when_waiting()
    backend = services.seam()
    backend.install(run.service())
    backend.install_boot([*run.here(), "boot"])
    if not known.early or (backend.starts_at_early_boot and not another):
        backend.start("provision")
    told = progress.fold(progress.lines())
    if told["program"] == "first" and told["phase"] in progress.SETTLED:
        backend.restart("provision")  # the first part is done; one under way passes over to us by itself
    _arrived()


def provision(known: argparse.Namespace) -> int:
    """Bring the machine to what is configured; as a service, so that the caller may leave."""
    return run.provision(recipe.steps) if known.here else _provision_as_a_service()


def _provision_as_a_service() -> int:
    identity.settle(early=False)
    seed.arm(seed.cap_minutes(paths.config()))
    kernels.tell_when_waiting()
    backend = services.seam()
    backend.install(run.service())
    backend.install_boot([*run.here(), "boot"])
    progress.note("asked")
    backend.restart("provision")
    _arrived()
    return 0


def _arrived() -> None:
    """Note that the program which the laptop brought has been started; until then the laptop brings it again."""
    with contextlib.suppress(FileNotFoundError):
        os.remove(paths.program("arriving"))


def show_status(known: argparse.Namespace) -> int:
    """Print the report as JSON; with --follow again at each change."""
    if known.follow:
        return report.follow(known.until_settled)
    seed.answer(report.report())
    return 0


def host_key(known: argparse.Namespace) -> None:
    """Offer the instance's own host key, or confirm it and drop the others."""
    seed.answer(hostkey.offer() if known.act == "offer" else hostkey.confirm())


def keep(known: argparse.Namespace) -> None:
    """Hold the idle stop off for HOURS."""
    if not 0 <= known.hours <= 24 * 31:
        raise commands.Failed("hours must be between 0 and 744")
    watch.keep(known.hours)


def show_logs(known: argparse.Namespace) -> None:
    """Print the log of the provisioning, or of Jupyter."""
    path = paths.log("jupyter" if known.source == "jupyter" else "provision")
    print(commands.tail(path, lines=200), flush=True)  # noqa: T201 - a command's answer
    parent = os.getppid()
    place = os.path.getsize(path) if os.path.exists(path) else 0
    while known.follow and os.getppid() == parent:
        size = os.path.getsize(path) if os.path.exists(path) else 0
        if size > place:
            with open(path, "rb") as stream:
                stream.seek(place)
                sys.stdout.write(stream.read(size - place).decode("utf-8", "replace"))
            sys.stdout.flush()
        place = size
        time.sleep(0.2)


def show_jupyter(known: argparse.Namespace) -> None:
    """Print port, token and place of our Jupyter server."""
    del known
    record = jupyter.server()
    if not record:
        raise commands.Failed("Jupyter does not answer:\n" + commands.tail(paths.log(jupyter.NAME)))
    keys = ("port", "token", "base_url", "root_dir", "pid")
    seed.answer({key: record.get(key) for key in keys})


def be_a_node(known: argparse.Namespace) -> int:
    """Take this node's part of a cluster as JSON on stdin, show it, or be the head's service."""
    if known.act == "join":
        cluster.join(sys.stdin.read(cluster.SAID_AT_MOST))
        return _provision_as_a_service()
    if known.act == "serve":
        return nodes.serve(cluster.document())
    seed.answer(cluster.show(known.secrets))
    return 0


def update(known: argparse.Namespace) -> None:
    """Take a newer program, its configuration and its data as a tar on stdin."""
    del known
    seed.update()


def configure(known: argparse.Namespace) -> None:
    """Change what is to be set up, from a JSON object on stdin."""
    del known
    try:
        asked = json.load(sys.stdin)
    except ValueError:
        asked = None
    if not isinstance(asked, dict) or set(asked) - set(CHANGEABLE):
        raise commands.Failed("only these can be changed: " + ", ".join(CHANGEABLE))
    paths.write_json(paths.at("/etc/awsgpu/config.json"), dict(paths.config(), **asked), 0o600)


def tick(known: argparse.Namespace) -> int:
    """Look once, as the watchdog."""
    del known
    return watch.tick()


def grow(known: argparse.Namespace) -> None:
    """Let the root's file system fill a disk that was made larger."""
    del known
    seed.answer(data.grow_root())


def supervise(known: argparse.Namespace) -> int:
    """Be the supervisor's daemon."""
    del known
    from . import daemon

    return daemon.supervise()
