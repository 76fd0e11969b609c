"""The data volume at ~/data, with stand-ins for mkfs, blkid, mount and findmnt that keep notes of what they did."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jupyter_awsgpu.guest import commands, data, paths

WISH = {"volume": "vol-0abc", "device": "/dev/sdf", "instance_id": "i-1", "gb": 10}
TOOLS = {
    "blkid": 'head -c 4 "$4" | grep -q ext4 && { echo UUID=1234; echo TYPE=ext4; exit 0; }\n'
    '[ -s "$4" ] && { echo PTTYPE=gpt; exit 0; }\nexit 2',
    "mkfs.ext4": 'for last; do :; done; printf ext4 > "$last"',
    "mount": 'echo "$1" > "$NOTES.mounted"',
    "findmnt": '[ -e "$NOTES.mounted" ] && cat "$NOTES.device" || exit 1',
    "resize2fs": "true",
    "systemctl": "true",
}


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the root of a machine i-1 with a home and those programs; each call of one is noted."""
    programs, notes = tmp_path / "bin", tmp_path / "calls"
    programs.mkdir()
    for name, text in TOOLS.items():
        tool = programs / name
        tool.write_text(f'#!/bin/sh\nNOTES={notes}\necho {name} "$@" >> "$NOTES"\n{text}\n')
        tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    root = tmp_path / "root"
    monkeypatch.setenv("AWSGPU_ROOT", str(root))
    (root / "home/ubuntu").mkdir(parents=True)
    (root / "var/lib/cloud/data").mkdir(parents=True)
    (root / "var/lib/cloud/data/instance-id").write_text("i-1\n")
    (root / "etc/awsgpu").mkdir(parents=True)
    (root / "etc/fstab").write_text("LABEL=root / ext4 defaults 0 1\n")
    (root / "etc/awsgpu/data.json").write_text(json.dumps(WISH))
    return root


def attached(machine: Path, content: str = "", name: str = "dev/xvdf") -> Path:
    """Let the volume's device appear, with this on it."""
    device = machine / name
    device.parent.mkdir(parents=True, exist_ok=True)
    device.write_text(content)
    (machine.parent / "calls.device").write_text(f"{device}\n")
    return device


def done(machine: Path) -> list[str]:
    """Return the names of the programs that were called."""
    return [line.split()[0] for line in (machine.parent / "calls").read_text().splitlines()]


def walk() -> str:
    """Do the recipe's step; return what it says."""
    (step,) = data.steps({})
    assert not step.right()
    said = str(step.act(lambda _text: None))
    assert step.right()
    return said


def test_a_blank_volume_is_formatted_once_and_mounted_by_its_uuid(machine: Path) -> None:
    """Formatted because blkid found nothing; the line in fstab is nofail; again changes nothing."""
    attached(machine)
    assert walk() == "The data volume is at ~/data"
    assert done(machine).count("mkfs.ext4") == 1
    line = (machine / "etc/fstab").read_text().splitlines()[-1]
    assert line.startswith(f"UUID=1234 {machine}/home/ubuntu/data ext4 ")
    assert "nofail" in line
    assert (machine / "home/ubuntu/work/data").is_symlink()
    (step,) = data.steps({})
    assert step.right()


def test_what_is_on_a_volume_is_never_formatted_over(machine: Path) -> None:
    """A file system is mounted as it is; partitions, or anything unknown, are left alone and said."""
    device = attached(machine, "ext4 with files")
    walk()
    assert device.read_text() == "ext4 with files"
    assert "mkfs.ext4" not in done(machine)


def test_something_unknown_on_it_is_left_alone(machine: Path) -> None:
    """A partition table is no file system: refused, nothing written."""
    device = attached(machine, "partition table")
    with pytest.raises(commands.Failed, match="left as it is"):
        data.mount(WISH, lambda _text: None)
    assert device.read_text() == "partition table"
    assert "mkfs.ext4" not in done(machine)
    assert "mount" not in done(machine)


def test_what_blkid_could_not_read_is_not_taken_for_blank(machine: Path) -> None:
    """It says the same of both: bytes that are no zeros are somebody's, whatever blkid found."""
    device = attached(machine, "\0" * 2000 + "a file system blkid failed to read")
    blkid = machine.parent / "bin" / "blkid"
    blkid.write_text("#!/bin/sh\nexit 2\n")
    with pytest.raises(commands.Failed, match="left as it is"):
        data.mount(WISH, lambda _text: None)
    assert "blkid failed to read" in device.read_text()
    assert "mkfs.ext4" not in done(machine)


def test_the_device_is_known_by_the_volumes_id(machine: Path) -> None:
    """On Nitro any number may be the device's: its id decides, before a letter that may be another disk's."""
    attached(machine, "another disk")
    ours = attached(machine, "ext4", "dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_vol0abc")
    assert data.device(WISH) == str(ours)


def test_a_larger_volume_grows_its_file_system(machine: Path) -> None:
    """The size in the wish has changed: the step is to do again, and nothing is formatted."""
    attached(machine, "ext4")
    walk()
    (machine / "etc/awsgpu/data.json").write_text(json.dumps({**WISH, "gb": 20}))
    before = len(done(machine))
    walk()
    assert "resize2fs" in done(machine)[before:]
    assert "mkfs.ext4" not in done(machine)


def test_files_of_the_root_disk_are_not_hidden(machine: Path) -> None:
    """~/data has files already: said, not mounted over."""
    attached(machine, "ext4")
    (machine / "home/ubuntu/data").mkdir()
    (machine / "home/ubuntu/data/mine.txt").write_text("mine")
    with pytest.raises(commands.Failed, match="would hide"):
        data.mount(WISH, lambda _text: None)


def test_a_copy_of_the_machine_waits_for_no_volume(machine: Path) -> None:
    """An image's child has another instance id: the file it inherited is not its own, and there is no step."""
    (machine / "var/lib/cloud/data/instance-id").write_text("i-2\n")
    assert data.steps({}) == []


def test_a_folder_in_the_place_of_a_device_is_linked_and_labelled(machine: Path) -> None:
    """A simulated host has no device to give: nothing is formatted, and the report says so."""
    folder = machine / "dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_vol0abc"
    folder.mkdir(parents=True)
    assert walk().startswith("SIMULATED")
    (machine / "home/ubuntu/data/kept.txt").write_text("kept")
    assert (folder / "kept.txt").read_text() == "kept"


def test_two_volumes_leave_one_line(machine: Path) -> None:
    """The line of an earlier volume of ours goes, everybody else's stays."""
    table = machine / "etc/fstab"
    table.write_text(f"LABEL=root / ext4 defaults 0 1\nUUID=old /home/ubuntu/data ext4 {data.OPTIONS} 0 2\n")
    attached(machine, "ext4")
    walk()
    lines = Path(paths.at("/etc/fstab")).read_text().splitlines()
    assert [line.split()[0] for line in lines] == ["LABEL=root", "UUID=1234"]
