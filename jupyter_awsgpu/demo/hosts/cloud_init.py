"""Booting a host as cloud-init would: which part of user-data runs when, and once per what.

The init stage ends before SSH answers (bootcmd, files, users, host keys); the final stage runs
beside it (runcmd, scripts). What is "per instance" runs again only under a new instance id, which
also happens to a disk made from an image. State lies where cloud-init keeps it, in /var/lib/cloud.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.demo.hosts import host_keys, user_data

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from jupyter_awsgpu.demo.hosts.accounts import Accounts
    from jupyter_awsgpu.demo.hosts.spec import HostSpec

    Run = Callable[[list[str]], Awaitable[int]]
    """Runs a command as the host's root, its output in the log and on the console."""

VERSION = "24.4 (simulated)"


class CloudInit:
    """One boot of one host."""

    def __init__(self, accounts: Accounts, spec: HostSpec, run: Run, say: Callable[[str], None]) -> None:
        self._accounts = accounts
        self._ground = accounts.ground
        self._spec = spec
        self._run = run
        self._say = say
        self._asked = user_data.read(spec.user_data)
        self._state = self._ground.path("var/lib/cloud")
        self._failures: list[str] = []
        self._begun = time.monotonic()

    @property
    def _own(self) -> Path:
        return self._state / "instances" / self._spec.instance_id

    def _first_time(self, what: str) -> bool:
        """Say whether `what` has not been done for this instance id yet, and note that it is done now."""
        mark = self._own / "sem" / f"config_{what}"
        if mark.exists():
            return False
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()
        return True

    async def init_stage(self) -> None:
        """Do what must be done before SSH may answer."""
        self._say(f"Cloud-init v. {VERSION} running 'init' for {self._spec.instance_id}")
        self._remember_instance()
        self._tell("running")
        for problem in self._asked.problems:
            self._fail(problem)
        for command in user_data.commands_of(self._asked.config, "bootcmd"):
            await self._command("bootcmd", command)
        if self._first_time("write_files"):
            self._write_files(deferred=False)
        if self._first_time("ssh"):
            self._establish_keys()
        elif not host_keys.load(self._ground):
            host_keys.generate(self._ground, self._accounts.hostname)

    def _remember_instance(self) -> None:
        """Note whose disk this is, and keep the user-data, as cloud-init does."""
        self._own.mkdir(parents=True, exist_ok=True)
        self._write("data/instance-id", self._spec.instance_id + "\n")
        link = self._state / "instance"
        link.unlink(missing_ok=True)
        link.symlink_to(self._own)
        kept = self._own / "user-data.txt"
        kept.touch(mode=0o600)
        kept.write_bytes(self._spec.user_data)

    async def final_stage(self) -> None:
        """Do the rest while SSH answers, then say on the console what the host's keys are."""
        self._say(host_keys.console_text(host_keys.load(self._ground), self._accounts.hostname))
        if self._first_time("package_update_upgrade_install") and (packages := self._asked.config.get("packages")):
            await self._command("packages", ["apt-get", "install", "-y", *map(str, packages)])
        if self._first_time("write_files_deferred"):
            self._write_files(deferred=True)
        await self._run_folder("per-boot")
        if self._first_time("runcmd"):
            for command in user_data.commands_of(self._asked.config, "runcmd"):
                await self._command("runcmd", command)
        if self._first_time("scripts_user"):
            for script in self._write_scripts():
                await self._command("scripts-user", [str(script)])
        self._write("instance/boot-finished", f"{time.time():.0f}\n")
        self._tell("error" if self._failures else "done")
        self._say(f"Cloud-init v. {VERSION} finished. Up {time.monotonic() - self._begun:.2f} seconds")

    def _write_files(self, *, deferred: bool) -> None:
        for entry in self._asked.config.get("write_files") or []:
            if bool(entry.get("defer")) is deferred:
                try:
                    self._write_file(entry)
                except (OSError, ValueError, KeyError) as wrong:
                    self._fail(f"write_files {entry.get('path')}: {wrong}")

    def _write_file(self, entry: dict[str, Any]) -> None:
        target = self._ground.path(entry["path"])
        target.parent.mkdir(parents=True, exist_ok=True)
        data, mode = user_data.content_of(entry), user_data.mode_of(entry)
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT, mode), "ab" if entry.get("append") else "wb") as file:
            if not entry.get("append"):
                file.truncate()
            file.write(data)
        target.chmod(mode)
        owner = str(entry.get("owner", "root:root"))
        if self._ground.kind == "root" and owner != "root:root":
            user, _, group = owner.partition(":")
            shutil.chown(target, user, group or user)

    def _establish_keys(self) -> None:
        """Host keys and the default user's authorised keys, anew for this instance id."""
        config = self._asked.config
        if config.get("ssh_deletekeys", True):
            host_keys.delete(self._ground)
        if given := config.get("ssh_keys"):
            host_keys.write_given(self._ground, given)
        elif not host_keys.load(self._ground):
            host_keys.generate(self._ground, self._accounts.hostname)
        wanted = [*self._spec.authorized_keys, *(config.get("ssh_authorized_keys") or [])]
        for user in config.get("users") or []:
            if isinstance(user, dict) and user.get("name") == self._accounts.user:
                wanted += user.get("ssh_authorized_keys") or []
        self._authorize(wanted)

    def _authorize(self, keys: list[str]) -> None:
        path = self._accounts.authorized_keys
        there = path.read_text().splitlines() if path.exists() else []
        lines = [*there, *(key.strip() for key in keys if key.strip() not in there)]
        path.write_text("".join(f"{line}\n" for line in lines))
        path.chmod(0o600)
        self._accounts.give(path)

    async def _run_folder(self, name: str) -> None:
        for script in sorted((self._state / "scripts" / name).glob("*")):
            if os.access(script, os.X_OK):
                await self._command(name, [str(script)])

    def _write_scripts(self) -> list[Path]:
        """Lay user-data's scripts where cloud-init does, ready to run."""
        paths = []
        for number, script in enumerate(self._asked.scripts):
            path = self._own / "scripts" / f"part-{number:03d}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(script)
            path.chmod(0o700)
            paths.append(path)
        return paths

    async def _command(self, stage: str, command: list[str]) -> None:
        status = await self._run(command)
        if status:
            self._fail(f"{stage}: {command[-1][:80]!r} ended with status {status}")

    def _fail(self, text: str) -> None:
        self._failures.append(text)
        self._say(f"[WARNING]: {text}")

    def _write(self, name: str, text: str) -> None:
        path = self._state / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def _tell(self, status: str) -> None:
        """Keep /run/cloud-init/status.json, which `cloud-init status` reads."""
        path = self._ground.path("run/cloud-init/status.json")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"status": status, "errors": self._failures, "datasource": "ec2"}))
