"""`key export`, `key import`: a second laptop of the same owner may enter an instance, when told so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_awsgpu.errors import BadValue, BundleUnreadable, HostKeyUnknown
from jupyter_awsgpu.records import JournalEntry
from jupyter_awsgpu.records.bundle import seal, unseal
from jupyter_awsgpu.records.files import write_private
from jupyter_awsgpu.verbs.selection import choose, choose_all, key_file

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_awsgpu.model import Instance
    from jupyter_awsgpu.verbs.workbench import Workbench

SHORTEST = 8
"""A shorter passphrase would make the file as good as the bare key."""


def export_key(bench: Workbench, name: str | None, file: Path, passphrase: str) -> Path:
    """Write the instance's private key and pinned host keys to `file`, encrypted; return the file.

    Of a cluster all machines' host keys go along: whoever may enter one may enter them all.

    Raises `BadValue` for a short passphrase or a file that exists, `HostKeyUnknown`, `KeyMissing`.
    """
    if len(passphrase) < SHORTEST:
        raise BadValue(
            option="passphrase", value="that", expected=f"it takes {SHORTEST} characters or more", verb="key"
        )
    if file.exists():
        raise BadValue(option="FILE", value=file, expected="it exists already", verb="key")
    nodes = choose_all(bench, name, "key")
    instance = nodes[0]
    pins = {one.pin_id: list(bench.records.pins.read(one.pin_id)) for one in nodes}
    for one in nodes:
        if not pins[one.pin_id]:
            raise HostKeyUnknown(name=one.title)
    content = {
        "name": instance.name,
        "launch_id": instance.launch_id,
        "instance_id": instance.instance_id,
        "region": instance.region,
        "owner": instance.owner,
        "key_name": instance.key_name,
        "private_key": key_file(bench, instance).read_text(encoding="utf-8"),
        "pins": pins[instance.pin_id],
        "pins_of_others": {pin_id: lines for pin_id, lines in pins.items() if pin_id != instance.pin_id},
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
    path = bench.records.keys.take(instance.launch_id, str(content["private_key"]).encode())
    pinned = {instance.pin_id: content["pins"], **content.get("pins_of_others", {})}
    for pin_id, lines in pinned.items():
        bench.records.pins.write(pin_id, tuple(str(line) for line in lines))
    for launch_id in _launches(bench, instance):
        entry = JournalEntry(
            launch_id=launch_id,
            name=instance.name,
            owner=instance.owner,
            region=instance.region,
            written=bench.now(),
            instance_ids=(instance.instance_id,),
            wishes={"key_file": str(path)},
        )
        bench.records.journal.write(entry)
    return instance


def _launches(bench: Workbench, head: Instance) -> set[str]:
    """Return the launches that the key opens: a cluster's machines may be of several."""
    nodes = choose_all(bench, head.name, "key") if head.engine else (head,)
    return {one.launch_id for one in nodes}
