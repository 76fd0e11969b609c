"""Somebody else at the instance's address: every path that speaks SSH refuses, names the key, and sends nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import asyncssh

from tests.matrix import crash
from tests.matrix.crash import LAUNCH, SCRIPT, Lost

if TYPE_CHECKING:
    from tests.matrix.laptop import Account, Laptop

PATHS = (
    ("connect", "gpu"),
    ("token", "gpu"),
    ("provision", "gpu"),
    ("keep", "gpu", "2h"),
    ("ssh", "gpu", "--", "true"),
    ("push", SCRIPT, "--name", "gpu"),
    ("pull", "nothing", "--name", "gpu"),
    ("run", "--name", "gpu", SCRIPT),
    ("runs", "gpu"),
    ("gpu", "gpu"),
    ("kernel", "gpu"),
    ("logs", "gpu"),
    ("image", "gpu", "--name", "kept", "--freeze"),
    ("start", "gpu", "--no-open"),
    LAUNCH,
)
"""Commands that reach the instance."""


def a_wrong_host_key(account: Account) -> None:
    """Raise `Lost` unless each path refuses a host whose key is not the pinned one."""
    with account.fresh() as laptop:
        crash.prepare(laptop, crash.Case("", (), bool, before=(LAUNCH, ("disconnect", "gpu"))))
        before = _logins(laptop)
        _pin_another_key(laptop)
        for words in PATHS:
            answer = laptop.run(*words)
            if answer.error != "host-key-wrong":
                raise Lost(f"{' '.join(words)} went on with a stranger: {answer.err[-400:]}")
        if _logins(laptop) != before:
            raise Lost("somebody logged in at the stranger's")


def _logins(laptop: Laptop) -> list[str]:
    """Return the lines of the log of logins, of every host there is."""
    logs = (laptop.folder / "demo" / "aws" / "hosts").rglob("var/log/auth.log")
    return [line for log in logs for line in log.read_text().splitlines()]


def _pin_another_key(laptop: Laptop) -> None:
    (pins,) = (laptop.folder / "demo" / "pins").glob("l-*.json")
    document = json.loads(pins.read_text())
    (name,) = (key for key, value in document.items() if isinstance(value, list))
    kind = document[name][0].split()[0]  # of the same kind, or the two would not even begin to speak
    document[name] = [asyncssh.generate_private_key(kind).export_public_key("openssh").decode().strip()]
    pins.write_text(json.dumps(document))


ALL = {"a wrong host key": a_wrong_host_key}
