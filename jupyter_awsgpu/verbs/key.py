"""`key export`, `key import`: a second laptop of the same owner may enter an instance, when told so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_awsgpu.errors import BadValue, BundleUnreadable, HostKeyUnknown
from jupyter_awsgpu.records import JournalEntry
from jupyter_awsgpu.records.bundle import seal, unseal
from jupyter_awsgpu.records.files import write_private
from jupyter_awsgpu.verbs.selection import choose, key_file

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_awsgpu.model import Instance
    from jupyter_awsgpu.verbs.workbench import Workbench

SHORTEST = 8
"""A shorter passphrase would make the file as good as the bare key."""


def export_key(bench: Workbench, name: str | None, file: Path, passphrase: str) -> Path:
    """Write the instance's private key and pinned host keys to `file`, encrypted; return the file.

    Raises `BadValue` for a short passphrase or a file that exists, `HostKeyUnknown`, `KeyMissing`.
    """
    if len(passphrase) < SHORTEST:
        raise BadValue(
            option="passphrase", value="that", expected=f"it takes {SHORTEST} characters or more", verb="key"
        )
    if file.exists():
        raise BadValue(option="FILE", value=file, expected="it exists already", verb="key")
    instance = choose(bench, name, "key")
    pins = bench.records.pins.read(instance.launch_id)
    if not pins:
        raise HostKeyUnknown(name=instance.name)
    content = {
        "name": instance.name,
        "launch_id": instance.launch_id,
        "instance_id": instance.instance_id,
        "region": instance.region,
        "owner": instance.owner,
        "key_name": instance.key_name,
        "private_key": key_file(bench, instance).read_text(encoding="utf-8"),
        "pins": list(pins),
    }
    write_private(file, seal(content, passphrase))
    return file


def import_key(bench: Workbench, file: Path, passphrase: str) -> Instance:
    """Take a bundle in: afterwards `connect` works from here too. Returns the instance it opens.

    Raises `BundleUnreadable`, and `NoSuchInstance` where the instance is gone or another owner's.
    """
    try:
        content = unseal(file.read_bytes(), passphrase)
    except OSError as exc:
        raise BundleUnreadable(why="there is no such file") from exc
    instance = choose(bench, str(content["instance_id"]), "key")
    if instance.launch_id != content["launch_id"]:
        raise BundleUnreadable(why="it belongs to another launch of that instance")
    path = bench.records.root / "keys" / f"{instance.launch_id}.pem"
    write_private(path, str(content["private_key"]).encode())
    bench.records.pins.write(instance.launch_id, tuple(str(pin) for pin in content["pins"]))
    entry = JournalEntry(
        launch_id=instance.launch_id,
        name=instance.name,
        owner=instance.owner,
        region=instance.region,
        written=bench.now(),
        instance_ids=(instance.instance_id,),
        wishes={"key_file": str(path)},
    )
    bench.records.journal.write(entry)
    return instance
