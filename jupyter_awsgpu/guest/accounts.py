"""The instance's user: home, and how a process becomes that user."""

from __future__ import annotations

import os
import pwd

from . import paths

KEPT = (
    *("PATH", "LANG", "TERM", "SSL_CERT_FILE", "AWS_EC2_METADATA_SERVICE_ENDPOINT"),
    *("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"),
)
"""What of its own environment a command passes on; a person's secrets in it stay behind."""


def name() -> str:
    """Return the image's default user, as the configuration has it."""
    return str(paths.config().get("instance_user") or "ubuntu")


def home(user: str) -> str:
    """Return the user's home; below `$AWSGPU_ROOT` where that is not the machine's own root."""
    if os.environ.get(paths.MOUNT, "/") != "/":
        return paths.at("/home/" + user)
    try:
        return pwd.getpwnam(user).pw_dir
    except KeyError:
        return "/home/" + user


def identity(user: str) -> tuple | None:
    """Return (uid, gid) to become, or None where this process is, or can only be, itself.

    In a user namespace other accounts may not be mapped: then everything is the one user's already.
    """
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        return None
    if os.geteuid() != 0 or entry.pw_uid == 0 or not _mapped(entry.pw_uid):
        return None
    return entry.pw_uid, entry.pw_gid


def _mapped(uid: int) -> bool:
    rows = [line.split() for line in paths.read_text("/proc/self/uid_map").splitlines()]
    return not rows or any(int(row[0]) <= uid < int(row[0]) + int(row[2]) for row in rows)


def becoming(user: str | None):  # noqa: ANN201 - a callable or None, for subprocess
    """Return a function for `preexec_fn` that turns a child into the user, or None."""
    who = identity(user) if user else None
    if who is None or user is None:
        return None

    def become() -> None:
        os.initgroups(user, who[1])
        os.setgid(who[1])
        os.setuid(who[0])

    return become


def environment(user: str | None, **more: str) -> dict:
    """Return a plain environment for a command of the user's (or of root's)."""
    env = {key: value for key, value in os.environ.items() if key in KEPT or key.startswith(("PIP_", "AWSGPU_"))}
    env.setdefault("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    env.setdefault("LANG", "C.UTF-8")
    where = home(user) if user else os.environ.get("HOME", "/root")
    env.update(HOME=where, USER=user or "root", LOGNAME=user or "root", SHELL="/bin/bash")
    env.update(more)
    return env
