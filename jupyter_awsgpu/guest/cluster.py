"""This machine as one node of several: what it was told of the cluster, what it says of it, and how it leaves.

Engine-independent: what is installed and run is the recipe's (`engines`). The laptop brings each node its part over
the verified connection; nothing of it is in user-data, and all of it goes with the machine's identity.
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
import shutil

from . import (
    accounts,
    commands,
    engines,
    environment,
    interpreter,
    nodes,
    paths,
    services,
)

FILE = "/etc/awsgpu/cluster.json"
SECRETS = ("ca", "cert", "key")
SAID_AT_MOST = 65536
NODES_AT_MOST = 1000
VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+!_-]{0,60}")


def document() -> dict:
    """Return this node's part of a cluster, or nothing where it has none (yet)."""
    return paths.read_json(paths.at(FILE), {})


def join(text: str) -> None:
    """Keep this node's part, from the laptop's JSON; the provisioning then does what follows from it."""
    part = read(text)
    owner = accounts.identity(accounts.name())
    own_folder(nodes.folder(), owner)
    for key in SECRETS:
        paths.write_text(nodes.folder(key + ".pem"), part.pop(key), 0o600, owner)
    paths.write_text(paths.at(FILE), json.dumps(part, sort_keys=True) + "\n", 0o600, owner)


def read(text: str) -> dict:
    """Return the part in a document: pure. Raises `Failed` where it is none; the versions become words for pip."""
    try:
        said = json.loads(text)
        part = {key: said[key] for key in ("engine", "node", "nodes", "cluster", "head", "address", *SECRETS)}
        part["versions"] = dict(said.get("versions") or {})
        for key in ("head", "address"):
            ipaddress.ip_address(part[key])
    except (ValueError, KeyError, TypeError) as exc:
        raise commands.Failed("This is no part of a cluster: %r" % exc) from exc
    if engines.of(part["engine"]) is None:
        raise commands.Failed("This program knows no engine %s" % part["engine"])
    if not all(type(part[key]) is int for key in ("node", "nodes")) or not 0 <= part["node"] < part["nodes"]:
        raise commands.Failed("This is no part of a cluster: node %s of %s" % (part["node"], part["nodes"]))
    if part["nodes"] > NODES_AT_MOST or not all(str(part[key]).startswith("-----BEGIN") for key in SECRETS):
        raise commands.Failed("This is no part of a cluster: too many nodes, or no certificates")
    if not all(isinstance(one, str) and VERSION.fullmatch(one) for pair in part["versions"].items() for one in pair):
        raise commands.Failed("This is no part of a cluster: its versions are none")
    return part


def own_folder(path: str, owner: "tuple | None") -> None:
    """Make a folder that is its owner's alone."""
    os.makedirs(path, mode=0o700, exist_ok=True)
    if owner:
        os.chown(path, *owner)


def show(secrets: bool) -> dict:
    """Return what this node knows of its cluster; with `secrets` also what lets one into it."""
    part = document()
    engine = engines.of(part.get("engine"))
    if engine is None:
        raise commands.Failed("This machine is no part of a cluster.")
    said = dict(part, **engine.PORTS)
    said["versions"] = engine.versions(interpreter.probe(environment.code_python(paths.config())))
    if part["node"] == 0:
        said.update(engine.look())
    if secrets:
        said.update({key: paths.read_text(nodes.folder(key + ".pem")) for key in SECRETS})
    return said


def told() -> "dict | None":
    """Return what the report says of the cluster, or None for a machine by itself."""
    part = document()
    if not part:
        return None
    short = {key: part.get(key) for key in ("engine", "node", "nodes")}
    return dict(short, **nodes.board(part)) if part["node"] == 0 else short


# ── what runs here ──


def begun() -> dict:
    """Return name → print of the services that were started here."""
    return paths.read_json(paths.state("cluster.json"), {})


def forget() -> None:
    """Leave nothing of a cluster here: this is another machine than the one that belonged to it."""
    part = document()
    for name in begun():
        services.seam().remove(name)
    engine = engines.of(part.get("engine"))
    if engine is not None:
        for path in engine.files(part):
            paths.remove(path)
        for path in engine.places(part):
            shutil.rmtree(path, ignore_errors=True)
    shutil.rmtree(nodes.folder(), ignore_errors=True)
    for path in (paths.state("cluster.json"), paths.at(FILE)):
        paths.remove(path)


def engine_pids() -> set:
    """Return the engine's own processes as /proc names them: whether they work, the engine's scheduler says."""
    found = [services.seam().pid(name) for name in begun()]
    return {str(pid) for pid in found if pid}
