"""The first part: what travels in user-data, and makes the machine ready with nobody there.

It has the recipe up to an answering Jupyter, and no more. Nobody can have begun to work here before the
laptop has come, so until then plain shutdowns, armed by user-data itself, are the whole watchdog. The
laptop brings the whole program, and a run under way passes over to it between two steps.
"""

from __future__ import annotations

import json
import os
import shutil
import sys

from . import driver, facts, identity, interpreter, jupyter, paths, progress, run, services

NAME = "first"


def main(words: list) -> int:
    """Run one of the few verbs there are; the others come with the whole program."""
    verb = " ".join(words[:2])
    if verb.startswith("boot"):
        boot(verb)
    elif verb == "provision --here":
        provision()
    elif verb.startswith("status"):
        print(json.dumps(dict(progress.fold(progress.lines()), program=NAME)))  # noqa: T201 - a command's answer
    else:
        print("the laptop has not brought this part of the program yet", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def boot(verb: str) -> None:
    """Throw away what another machine left on the disk; have the provisioning started now and at every boot."""
    now = {"instance_id": identity.cloud_id()}
    if paths.read_json(paths.state("identity.json"), now) != now:
        shutil.rmtree(paths.state())
    paths.write_json(paths.state("identity.json"), now)
    if verb == "boot" and os.path.isdir(paths.at(services.SYSTEMD)):
        services.begin(run.service())


def steps(config: dict) -> list:
    """Return the steps that need nothing of the laptop's."""
    found = facts.gather()
    return [*driver.steps(config, found), *interpreter.steps(config, found.machine), *jupyter.steps(config)]


def provision() -> None:
    """Run them; pass over to the whole program when it has come."""
    run.provision(steps, NAME, whole)
    if whole():
        os.execv(sys.executable, run.service().argv)  # noqa: S606 - the same service goes on


def whole() -> bool:
    """Whether the laptop has brought the whole program."""
    return os.path.exists(paths.program("guest", "verbs.py"))
