"""Jupyter as a service of the image's user: on 127.0.0.1 only, its token in a file nobody else reads."""

from __future__ import annotations

import json
import os
import secrets
import time
import urllib.error
import urllib.request

from . import accounts, commands, interpreter, kernels, paths, processes, services
from .progress import Step

NAME = "jupyter"
UP_WITHIN_S = 60.0


def steps(config: dict) -> list:
    """Return the step from an interpreter with JupyterLab to a server that answers."""
    return [Step("jupyter", "Starting Jupyter", lambda: _right(config), lambda say: start(config, say))]


def service(config: dict) -> services.Service:
    """Return the service: pure but for the interpreter and user chosen on this host."""
    user = accounts.name()
    python = interpreter.path()
    return services.Service(
        name=NAME,
        argv=[
            python,
            "-m",
            "jupyterlab",
            "--no-browser",
            "--ServerApp.ip=127.0.0.1",
            "--ServerApp.port=%d" % int(config.get("remote_port") or 8888),
            "--ServerApp.root_dir=" + workplace(user),
        ],
        user=user,
        cwd=workplace(user),
        env={
            "JUPYTER_TOKEN_FILE": token_file(),
            "HOME": accounts.home(user),
            "PATH": kernels.search_path(python),
            **kernels.libraries(),
        },
    )


def workplace(user: str) -> str:
    """Return the folder notebooks live in."""
    return os.path.join(accounts.home(user), "work")


def token_file() -> str:
    """Return where the token is: 0600, the user's."""
    return paths.state("jupyter", "token")


def token() -> str:
    """Return the token, made once and kept over reboots."""
    text = paths.read_text(token_file()).strip()
    if not text:
        text = secrets.token_hex(24)
        owner = accounts.identity(accounts.name())
        folder = os.path.dirname(token_file())
        os.makedirs(folder, mode=0o700, exist_ok=True)
        if owner:
            os.chown(folder, *owner)
        paths.write_text(token_file(), text, 0o600, owner)
    return text


def _right(config: dict) -> bool:
    backend = services.seam()
    return not backend.install(service(config)) and backend.running(NAME) and bool(server())


def start(config: dict, say) -> None:  # noqa: ANN001 - takes a sentence
    """Start it, or start it again, and return when it answers; raises `Failed`."""
    token()
    _make_workplace()
    backend = services.seam()
    backend.install(service(config))
    backend.restart(NAME)
    deadline = time.monotonic() + UP_WITHIN_S
    found = server()
    while not found:
        if time.monotonic() > deadline:
            raise commands.Failed("Jupyter does not answer:\n" + commands.tail(paths.log(NAME)))
        time.sleep(0.1)
        found = server()  # once it has answered, it need not answer again: a busy machine may take its time
    say("Jupyter answers on port %d" % found["port"])


def _make_workplace() -> None:
    user = accounts.name()
    owner = accounts.identity(user)
    folder = workplace(user)
    if not os.path.isdir(folder):
        os.makedirs(folder)
        if owner:
            os.chown(folder, *owner)


def records(home: str) -> list:
    """Return what `jupyter server list --json` shows for one home, from the very files it reads."""
    folder = os.path.join(home, ".local/share/jupyter/runtime")
    found = []
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        if name.startswith("jpserver-") and name.endswith(".json"):
            record = paths.read_json(os.path.join(folder, name), {})
            if record.get("pid") and record.get("port") and processes.started(int(record["pid"])):
                found.append(record)
    return found


def server() -> dict:
    """Return our own server's record once it answers with the token, else nothing.

    The port is read, never assumed: with 8888 taken, Jupyter takes the next free one.
    """
    folder = workplace(accounts.name())
    mine = services.seam().pid(NAME)
    for record in records(accounts.home(accounts.name())):
        if (record["pid"] == mine or _same(record.get("root_dir"), folder)) and ask(record, "api/status") is not None:
            return record
    return {}


def _same(one: "str | None", other: str) -> bool:
    return os.path.realpath(one or "") == os.path.realpath(other)


def ask(record: dict, what: str, timeout: float = 5) -> object:
    """Return a server's JSON answer to GET, or None."""
    url = "http://127.0.0.1:%d%s%s" % (record["port"], record.get("base_url") or "/", what)
    request = urllib.request.Request(url, headers={"Authorization": "token " + str(record.get("token", ""))})  # noqa: S310
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=timeout) as answer:
            return json.load(answer)
    except (OSError, ValueError):
        return None
