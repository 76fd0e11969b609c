"""This machine as one node of several: what it was told of the cluster, and the steps to its part in it.

Engine-independent: what is installed and run is the recipe's (`engines`). The laptop brings each node its part over
the verified connection; nothing of it is in user-data, and all of it goes with the machine's identity.
"""

from __future__ import annotations

import functools
import hashlib
import ipaddress
import json
import os
import re
import shutil
import sys
import time

from . import accounts, commands, engines, gpus, identity, interpreter, jupyter, nodes, paths, services
from .progress import Step

FILE = "/etc/awsgpu/cluster.json"
SECRETS = ("ca", "cert", "key")
SAID_AT_MOST = 65536
NODES_AT_MOST = 1000
UP_WITHIN_S = 90.0
VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+!_-]{0,60}")


def document() -> dict:
    """Return this node's part of a cluster, or nothing where it has none (yet)."""
    return paths.read_json(paths.at(FILE), {})


def join(text: str) -> None:
    """Keep this node's part, from the laptop's JSON; the provisioning then does what follows from it."""
    part = read(text)
    owner = accounts.identity(accounts.name())
    _own_folder(nodes.folder(), owner)
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


def _own_folder(path: str, owner: "tuple | None") -> None:
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
    said["versions"] = engine.versions(interpreter.probe(interpreter.path()))
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


# ── the steps ──


def steps(config: dict) -> list:
    """Return the engine's steps: its packages as soon as it is wished for, its services once this node has joined."""
    part = document()
    name = part.get("engine") or config.get("engine")
    engine = engines.of(name)
    if not name:
        return []
    if engine is None:
        return [Step("engine", "Installing the cluster's engine", lambda: False, lambda say: _refuse(name, say))]
    likely = part or _foreseen()
    words, wanted = engine.requirements(likely)
    install = Step(
        "engine",
        "Installing " + engine.TITLE,
        lambda: not interpreter.missing(wanted, interpreter.packages(interpreter.path())),
        lambda say: _install(engine, likely, words, config, say),
    )
    if not part:
        return [install]
    text = "Joining the cluster as its node %d" % part["node"]
    return [install, Step("cluster", text, lambda: _right(engine, part), lambda say: _begin(engine, part, say))]


def _foreseen() -> dict:
    """Return what of this node's part can be known before it is told: the first machine of a launch is the head."""
    return {"node": 0} if identity.metadata("meta-data/ami-launch-index") == "0" else {}


def _refuse(name: object, say) -> None:  # noqa: ANN001 - takes a sentence
    del say
    raise commands.Failed("This program knows no engine %s" % name)


def _install(engine, part: dict, words: list, config: dict, say) -> None:  # noqa: ANN001 - a recipe; takes a sentence
    """Install what lacks; Jupyter, which loads its extensions when it starts, starts again if some are new."""
    loaded = engine.lab(part)
    fresh = interpreter.missing(loaded, interpreter.packages(interpreter.path()))
    interpreter.pip_install(interpreter.path(), words, config)
    if fresh and services.seam().running(jupyter.NAME):
        jupyter.start(config, say)


def _wanted(engine, part: dict) -> list:  # noqa: ANN001 - a recipe
    """Return the services of this node; whose certificates or packages change is another service, and starts again."""
    seal = hashlib.sha256(json.dumps(part.get("versions") or {}, sort_keys=True).encode())
    for key in SECRETS:
        seal.update(paths.read_text(nodes.folder(key + ".pem")).encode())
    mark = {"AWSGPU_CLUSTER": seal.hexdigest()[:16]}
    found = [one._replace(env=dict(one.env, **mark)) for one in engine.services(part, _gpus())]
    if part["node"] == 0:
        argv = [sys.executable, "-sE", paths.program("main.py"), "cluster", "serve"]
        found.append(services.Service(nodes.NAME, argv, accounts.name(), env=mark))
    return found


@functools.lru_cache(maxsize=1)
def _gpus() -> int:
    """Return how many GPUs answer; asked once a run, for a GPU nobody uses takes seconds to wake."""
    try:
        return len(gpus.ask("gpu", ("index",)))
    except gpus.NoAnswer:
        return 0


def _print(service: services.Service) -> str:
    return hashlib.sha256(json.dumps(service._asdict(), sort_keys=True).encode()).hexdigest()


def _begun() -> dict:
    """Return name → print of the services that were started here."""
    return paths.read_json(paths.state("cluster.json"), {})


def _right(engine, part: dict) -> bool:  # noqa: ANN001 - a recipe
    wanted = {one.name: _print(one) for one in _wanted(engine, part)}
    same = all(paths.read_text(path) == text for path, text in engine.files(part).items())
    up = same and _begun() == wanted and all(map(services.seam().running, wanted))
    return up and (part["node"] != 0 or bool(engine.look()))


def _begin(engine, part: dict, say) -> None:  # noqa: ANN001 - a recipe; takes a sentence
    """Write the settings, start what is not as it should be, and take away what no longer belongs here."""
    del say
    owner = accounts.identity(accounts.name())
    for path, text in engine.files(part).items():
        _user_folders(os.path.dirname(path), owner)
        paths.write_text(path, text, 0o644, owner)
    backend, before, wanted = services.seam(), _begun(), _wanted(engine, part)
    for name in set(before) - {one.name for one in wanted}:
        backend.remove(name)
    for one in wanted:
        if before.get(one.name) != _print(one) or not backend.running(one.name):
            backend.install(one)
            backend.restart(one.name)
    paths.write_json(paths.state("cluster.json"), {one.name: _print(one) for one in wanted})
    deadline = time.monotonic() + UP_WITHIN_S
    while not _right(engine, part):
        if time.monotonic() > deadline:
            raise commands.Failed("\n".join(commands.tail(paths.log(one.name), lines=4) for one in wanted))
        time.sleep(0.2)


def _user_folders(folder: str, owner: "tuple | None") -> None:
    """Make a folder in the user's home, and those above it, the user's."""
    if not os.path.isdir(folder):
        _user_folders(os.path.dirname(folder), owner)
        _own_folder(folder, owner)


# ── leaving ──


def forget() -> None:
    """Leave nothing of a cluster here: this is another machine than the one that belonged to it."""
    part = document()
    for name in _begun():
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
    found = [services.seam().pid(name) for name in _begun()]
    return {str(pid) for pid in found if pid}
