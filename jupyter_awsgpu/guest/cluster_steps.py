"""The steps to a node's part in its cluster: the engine's packages, its settings, its services.

Packages come as soon as an engine is wished for, services once the laptop has told this node its part.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import sys
import time

from . import (
    accounts,
    cluster,
    commands,
    engines,
    environment,
    facts,
    gpus,
    identity,
    interpreter,
    jupyter,
    nodes,
    paths,
    services,
)
from .progress import Step

UP_WITHIN_S = 90.0


def steps(config: dict) -> list:
    """Return the engine's steps: its packages as soon as it is wished for, its services once this node has joined."""
    part = cluster.document()
    name = part.get("engine") or config.get("engine")
    engine = engines.of(name)
    if not name:
        return []
    if engine is None:
        return [Step("engine", "Installing the cluster's engine", lambda: False, lambda say: _refuse(name, say))]
    likely = part or _foreseen()
    install = Step(
        "engine",
        "Installing " + engine.TITLE,
        lambda: not any(_lacking(engine, likely, config)),
        lambda say: _install(engine, likely, config, say),
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


def _lacking(engine, part: dict, config: dict) -> tuple:  # noqa: ANN001 - a recipe
    """Return what lacks in the Python of people's code, and in Jupyter's."""
    wanted = engine.requirements(part)[1]
    code = interpreter.missing(wanted, interpreter.packages(environment.code_python(config)))
    return code, interpreter.missing(engine.lab(part), interpreter.packages(interpreter.path()))


def _install(engine, part: dict, config: dict, say) -> None:  # noqa: ANN001 - a recipe; takes a sentence
    """Install what lacks; Jupyter, which loads its extensions when it starts, starts again if some are new."""
    code, lab = _lacking(engine, part, config)
    if code:
        interpreter.pip_install(environment.code_python(config), engine.requirements(part)[0], config)
    if lab:
        interpreter.pip_install(interpreter.path(), engine.lab(part), config)
        if services.seam().running(jupyter.NAME):
            jupyter.start(config, say)


def _wanted(engine, part: dict) -> list:  # noqa: ANN001 - a recipe
    """Return the services of this node; whose certificates or packages change is another service, and starts again."""
    seal = hashlib.sha256(json.dumps(part.get("versions") or {}, sort_keys=True).encode())
    for key in cluster.SECRETS:
        seal.update(paths.read_text(nodes.folder(key + ".pem")).encode())
    seal.update(environment.made_of().encode())
    mark = {"AWSGPU_CLUSTER": seal.hexdigest()[:16]}
    found = [one._replace(env=dict(one.env, **mark)) for one in engine.services(part, _gpus())]
    if part["node"] == 0:
        argv = [sys.executable, "-sE", paths.program("main.py"), "cluster", "serve"]
        found.append(services.Service(nodes.NAME, argv, accounts.name(), env=mark))
    return found


@functools.lru_cache(maxsize=1)
def _gpus() -> int:
    """Return how many GPUs there are; asked once a run, for a GPU nobody uses takes seconds to wake.

    Raises `Failed` where one is there and does not answer: a cluster must not take it for none.
    """
    deadline = time.monotonic() + UP_WITHIN_S
    while True:
        try:
            return len(gpus.ask("gpu", ("index",)))
        except gpus.NoAnswer as exc:
            if not facts.gpus_present():
                return 0
            if time.monotonic() > deadline:
                raise commands.Failed("The GPU does not answer: %s" % exc) from exc
        time.sleep(1)


def _print(service: services.Service) -> str:
    return hashlib.sha256(json.dumps(service._asdict(), sort_keys=True).encode()).hexdigest()


def _right(engine, part: dict) -> bool:  # noqa: ANN001 - a recipe
    wanted = {one.name: _print(one) for one in _wanted(engine, part)}
    same = all(paths.read_text(path) == text for path, text in engine.files(part).items())
    up = same and cluster.begun() == wanted and all(map(services.seam().running, wanted))
    # A scheduler that has just begun is busy, too: only one that answers is right.
    return up and (part["node"] != 0 or "joined" in engine.look())


def _begin(engine, part: dict, say) -> None:  # noqa: ANN001 - a recipe; takes a sentence
    """Write the settings, start what is not as it should be, and take away what no longer belongs here."""
    del say
    owner = accounts.identity(accounts.name())
    for path, text in engine.files(part).items():
        _user_folders(os.path.dirname(path), owner)
        paths.write_text(path, text, 0o644, owner)
    backend, before, wanted = services.seam(), cluster.begun(), _wanted(engine, part)
    for name in set(before) - {one.name for one in wanted}:
        backend.remove(name)
    old = {}
    for one in wanted:
        if before.get(one.name) != _print(one) or not backend.running(one.name):
            backend.install(one)
            old[one.name] = backend.pid(one.name)
            backend.restart(one.name)
    paths.write_json(paths.state("cluster.json"), {one.name: _print(one) for one in wanted})
    deadline = time.monotonic() + UP_WITHIN_S
    # A restart is an order, not yet done: a process of before that still answers is not what was wished for.
    while any(pid and backend.pid(name) == pid for name, pid in old.items()) or not _right(engine, part):
        if time.monotonic() > deadline:
            raise commands.Failed("\n".join(commands.tail(paths.log(one.name), lines=4) for one in wanted))
        time.sleep(0.2)


def _user_folders(folder: str, owner: "tuple | None") -> None:
    """Make a folder in the user's home, and those above it, the user's."""
    if not os.path.isdir(folder):
        _user_folders(os.path.dirname(folder), owner)
        cluster.own_folder(folder, owner)
