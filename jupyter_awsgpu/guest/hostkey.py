"""The instance's own host key: made here, served beside the first one, then alone.

The first host key travelled in user-data, where others may read it. `offer` makes an Ed25519 key and
lets sshd serve both (one key an algorithm); `confirm` drops the first. Each may be run again.
"""

from __future__ import annotations

import glob
import os
import signal
import time

from . import commands, paths

NEW = "ssh_host_ed25519_key"
OTHERS = ("ecdsa", "rsa", "dsa")


def folder() -> str:
    """Return where sshd keeps its keys."""
    return paths.at("/etc/ssh")


def offer() -> dict:
    """Make the instance's own key unless it is made, have sshd serve it, and return its public half."""
    path = os.path.join(folder(), NEW)
    public = paths.read_text(path + ".pub")
    if not public or paths.read_json(_record(), {}).get("public") != _bare(public):
        os.makedirs(paths.state(), exist_ok=True)
        fresh = paths.state("hostkey.new")
        for left in (fresh, fresh + ".pub"):
            paths.remove(left)
        commands.do(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "awsgpu", "-f", fresh])
        public = paths.read_text(fresh + ".pub")
        paths.write_text(path, paths.read_text(fresh), 0o600)
        paths.write_text(path + ".pub", public)
        paths.write_json(_record(), {"public": _bare(public)})
        paths.remove(fresh)
        paths.remove(fresh + ".pub")
        reload_sshd()
    return {"public": _bare(public)}


def confirm() -> dict:
    """Drop every other host key, now that the laptop has pinned ours."""
    record = paths.read_json(_record(), {})
    if not record.get("public"):
        raise commands.Failed("There is no key of the instance's own to confirm: offer it first.")
    dropped = [path for kind in OTHERS for path in glob.glob(os.path.join(folder(), "ssh_host_%s_key*" % kind))]
    for path in dropped:
        paths.remove(path)
    paths.write_json(_record(), dict(record, confirmed=True))
    if dropped:
        reload_sshd()
    return {"public": record["public"]}


def reload_sshd() -> None:
    """Have sshd read its keys again; connections that are open stay."""
    if os.path.isdir(paths.at("/run/systemd/system")):
        for unit in ("ssh", "sshd"):
            if commands.ask(["systemctl", "reload", unit]).status == 0:
                return
    pid = paths.read_text(paths.at("/run/sshd.pid")).strip()
    if pid.isdigit():
        os.kill(int(pid), signal.SIGHUP)
        time.sleep(0.05)


def _record() -> str:
    return paths.state("hostkey.json")


def _bare(public: str) -> str:
    return " ".join(public.split()[:2])
