"""Whose machine this is: on a new instance id, everything that made the old one itself is thrown away.

An image was made of an instance, and another boots from it: its token, host keys, authorised keys,
deadline and ledger are the old one's, and must be gone before sshd and Jupyter start.
"""

from __future__ import annotations

import glob
import os
import re
import shutil
import urllib.request

from . import accounts, commands, paths

METADATA = "http://169.254.169.254"
OF_THE_OLD = (
    "jupyter",
    "hostkey.json",
    "progress.jsonl",
    "report.json",
    "ledger.json",
    "keep.json",
    "authorized.json",
    "reboots.json",
)


def settle(early: bool) -> bool:
    """Compare the instance id with the one on record; return whether this is another machine than before.

    `early` means before cloud-init has written this boot's host keys and authorised keys.
    """
    now = instance_id()
    record = paths.read_json(paths.state("identity.json"), {})
    another = bool(now and record.get("instance_id") and record["instance_id"] != now)
    if another:
        discard(early)
    if now and (another or not record):
        paths.write_json(paths.state("identity.json"), {"instance_id": now})
    if not early:
        paths.write_json(paths.state("authorized.json"), sorted(set(_authorised())), 0o600)
    return another


def instance_id() -> str:
    """Return the instance id as cloud-init has it, else as the metadata service has it, else ""."""
    text = cloud_id() or metadata("meta-data/instance-id")
    return text if re.fullmatch(r"[\w.-]{1,64}", text) else ""


def cloud_id() -> str:
    """Return the instance id as cloud-init has it, or ""."""
    return paths.read_text(paths.at("/var/lib/cloud/data/instance-id")).strip()


def discard(early: bool) -> None:
    """Throw the old identity away."""
    from . import cluster

    cluster.forget()
    known = paths.read_json(paths.state("authorized.json"), [])
    keys = glob.glob(os.path.join(paths.at("/etc/ssh"), "ssh_host_*_key*"))
    born = _boot_time()
    for path in keys:
        if early or os.stat(path).st_mtime < born:
            paths.remove(path)
    if not early and not glob.glob(os.path.join(paths.at("/etc/ssh"), "ssh_host_*_key")):
        commands.ask(["ssh-keygen", "-A"])
    for path in _authorised_files():
        lines = paths.read_text(path).splitlines(True)
        stay = [] if early else [line for line in lines if line.strip() not in known]
        _rewrite(path, "".join(stay))
    for name in OF_THE_OLD:
        path = paths.state(name)
        if os.path.isdir(path):
            shutil.rmtree(path)
        else:
            paths.remove(path)


def _rewrite(path: str, text: str) -> None:
    about = os.stat(path)
    paths.write_text(path, text, about.st_mode & 0o777, (about.st_uid, about.st_gid))


def _authorised_files() -> list:
    homes = {accounts.home(accounts.name()), paths.at("/root")}
    files = (os.path.join(home, ".ssh", "authorized_keys") for home in homes)
    return [path for path in files if os.path.exists(path)]


def _authorised() -> list:
    return [line.strip() for path in _authorised_files() for line in paths.read_text(path).splitlines() if line.strip()]


def _boot_time() -> float:
    found = re.search(r"^btime (\d+)", paths.read_text("/proc/stat"), re.MULTILINE)
    return float(found.group(1)) if found else 0.0


def metadata(what: str) -> str:
    """Return what the metadata service (version 2 only) says, or ""."""
    base = (os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT") or METADATA).rstrip("/") + "/latest/"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    life = {"X-aws-ec2-metadata-token-ttl-seconds": "60"}
    try:
        ask = urllib.request.Request(base + "api/token", method="PUT", headers=life)  # noqa: S310
        with opener.open(ask, timeout=1) as answer:
            pass_ = answer.read(256).decode()
        get = urllib.request.Request(base + what, headers={"X-aws-ec2-metadata-token": pass_})  # noqa: S310
        with opener.open(get, timeout=1) as answer:
            return answer.read(4096).decode("utf-8", "replace").strip()
    except OSError:
        return ""
