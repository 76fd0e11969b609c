"""The seam for services: systemd units where systemd runs, a small supervisor of our own elsewhere.

Chosen by one fact, /run/systemd/system, never by who is asking. Both keep the same promises:
a service is running, comes back when it fails (with a growing pause) and after a reboot, writes to
/var/log/awsgpu/NAME.log, and a timed one runs every `every` seconds.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from . import paths

SYSTEMD = "/run/systemd/system"


class Service(NamedTuple):
    """What is to run. `user` None is root; `every` seconds makes it a timed task; `restart` says when it comes back.

    `restart`: "always", or "abnormal" for work that ends by itself and goes on only after a kill.
    """

    name: str
    argv: list
    user: "str | None" = None
    cwd: str = "/"
    env: "dict" = {}  # noqa: RUF012 - a NamedTuple's default, never changed
    restart: str = "always"
    every: "int | None" = None


def begin(service: Service) -> None:
    """Have a service run, now and at every boot."""
    backend = seam()
    backend.install(service)
    backend.start(service.name)


def seam():  # noqa: ANN201 - one of two modules' classes
    """Return the backend this host calls for."""
    if os.path.isdir(paths.at(SYSTEMD)):
        from .systemd import Systemd

        return Systemd()
    from .supervisor import Supervisor

    return Supervisor()
