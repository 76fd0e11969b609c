"""Who a host is and who lives on it: name, users, the default user's home, and running things as them.

The host's root and its default user are real where the ground is "root" (all ids exist inside); on
the ground "user" there is one id, and root is that id in a user namespace of its own; on the
ground "folder" there is nobody but the person running the demo.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.demo.hosts.isolation import ISOLATED_UID

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_awsgpu.demo.hosts.isolation import Ground
    from jupyter_awsgpu.demo.hosts.spec import HostSpec

RUNTIME = "/run/awsgpu-demo"
"""Where the simulated hardware and the host's own socket lie on a host."""

PROXY_PORT = 3128
"""Where an isolated host finds its way out to package indexes, on its own loopback."""

METADATA_ADDRESS = "169.254.169.254"

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_USERS = """root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
bin:x:2:2:bin:/bin:/usr/sbin/nologin
man:x:6:12:man:/var/cache/man:/usr/sbin/nologin
_apt:x:42:65534::/nonexistent:/usr/sbin/nologin
sshd:x:102:65534::/run/sshd:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
"""
_GROUPS = """root:x:0:
daemon:x:1:
adm:x:4:{user}
tty:x:5:
shadow:x:42:
sudo:x:27:{user}
video:x:44:{user}
users:x:100:
nogroup:x:65534:
"""
_PAM = "auth sufficient pam_permit.so\naccount sufficient pam_permit.so\nsession sufficient pam_permit.so\n"


class Accounts:
    """The users of one host, and the way to start a process as one of them."""

    def __init__(self, ground: Ground, spec: HostSpec) -> None:
        self.ground = ground
        self.user = spec.user
        self.hostname = "ip-" + spec.private_address.replace(".", "-")
        self.home = ground.path(f"/home/{spec.user}")
        self.variables: dict[str, str] = {}
        """What every process on the host finds in its environment, beside the usual."""
        if ground.isolated:
            way_out = f"http://127.0.0.1:{PROXY_PORT}"
            self.variables |= dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), way_out)
            if (certificates := Path("/etc/ssl/certs/ca-certificates.crt")).exists():
                trusting = ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
                self.variables |= dict.fromkeys(trusting, str(certificates))
            self.variables |= dict.fromkeys(("no_proxy", "NO_PROXY"), f"localhost,127.0.0.1,{METADATA_ADDRESS}")
        else:
            self.variables["AWSGPU_ROOT"] = str(ground.root)

    def establish(self) -> None:
        """Write who lives here, where it is not written yet (users may be added inside, and stay)."""
        path = self.ground.path
        shell = "/bin/bash" if Path("/bin/bash").exists() else "/bin/sh"
        entry = f"{self.user}:x:{ISOLATED_UID}:{ISOLATED_UID}:{self.user}:/home/{self.user}:{shell}\n"
        self._write_once("etc/passwd", _USERS + entry)
        self._write_once("etc/group", _GROUPS.format(user=self.user) + f"{self.user}:x:{ISOLATED_UID}:\n")
        self._write_once("etc/shadow", f"root:*:19000:0:99999:7:::\n{self.user}:!:19000:0:99999:7:::\n", 0o600)
        for name in ("other", "su", "su-l", "runuser", "runuser-l"):
            self._write_once(f"etc/pam.d/{name}", _PAM)
        self._write_once("etc/resolv.conf", "# no name server: the way out is the proxy in /etc/environment\n")
        self._write_once("etc/machine-id", uuid.uuid4().hex + "\n")
        self._write_once("var/lib/awsgpu-demo", "This is the disk of a SIMULATED instance of jupyter-awsgpu's demo.\n")
        path("etc/environment").write_text(
            f'PATH="{_PATH}"\n' + "".join(f"{k}={v}\n" for k, v in self.variables.items())
        )
        path("etc/hostname").write_text(self.hostname + "\n")
        path("etc/hosts").write_text(f"127.0.0.1 localhost {self.hostname}\n::1 localhost\n")
        if self.ground.isolated:
            with contextlib.suppress(OSError):
                socket.sethostname(self.hostname)
        self._make_home()

    def _write_once(self, name: str, text: str, mode: int = 0o644) -> None:
        target = self.ground.path(name)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
            target.chmod(mode)

    def _make_home(self) -> None:
        fresh = not self.home.exists()
        self.home.mkdir(parents=True, exist_ok=True)
        (self.home / ".ssh").mkdir(mode=0o700, exist_ok=True)
        if fresh and (skeleton := self.ground.path("etc/skel")).is_dir():
            shutil.copytree(skeleton, self.home, dirs_exist_ok=True)
        if fresh:
            self.home.chmod(0o750)
        for item in (self.home, *self.home.rglob("*")) if fresh else (self.home, self.home / ".ssh"):
            self.give(item)

    def give(self, path: Path) -> None:
        """Make the default user the owner of a file of the host."""
        if self.ground.kind == "root":
            os.chown(path, ISOLATED_UID, ISOLATED_UID, follow_symlinks=False)

    @property
    def authorized_keys(self) -> Path:
        """The default user's file of keys that may log in."""
        return self.home / ".ssh" / "authorized_keys"

    def environment(self, *, as_root: bool = False) -> dict[str, str]:
        """Return the environment a login, or a command of cloud-init's, starts with."""
        name, home = ("root", self.ground.path("/root")) if as_root else (self.user, self.home)
        path = _PATH
        if not self.ground.isolated:
            name, home = os.environ.get("USER", self.user), self.home
            own = (str(self.ground.path("usr/local/sbin")), str(self.ground.path("usr/local/bin")))
            path = os.pathsep.join((*own, os.environ.get("PATH", _PATH)))
        usual = {"HOME": str(home), "USER": name, "LOGNAME": name, "PATH": path, "SHELL": self.shell, "LANG": "C.UTF-8"}
        return usual | self.variables

    @property
    def shell(self) -> str:
        """The shell of everybody here."""
        return "/bin/bash" if Path("/bin/bash").exists() else "/bin/sh"

    def ownership(self, argv: list[str], *, as_root: bool) -> tuple[list[str], dict[str, Any]]:
        """Return how to start `argv` as the user or as root: the command and `subprocess`' options."""
        if self.ground.kind == "root" and not as_root:
            groups = [27, 4, 44, ISOLATED_UID]
            return argv, {"user": ISOLATED_UID, "group": ISOLATED_UID, "extra_groups": groups}
        if self.ground.kind == "user" and as_root:
            return ["unshare", "--user", "--map-root-user", "--", *argv], {}
        return argv, {}

    @contextlib.contextmanager
    def acting(self) -> Iterator[None]:
        """Let this process touch files as the default user for a moment (never across an await)."""
        if self.ground.kind != "root":
            yield
            return
        os.setegid(ISOLATED_UID)
        os.seteuid(ISOLATED_UID)
        try:
            yield
        finally:
            os.seteuid(0)
            os.setegid(0)

    def bare_python(self) -> str:
        """Return this machine's own interpreter, without the packages of the demo's environment."""
        return getattr(sys, "_base_executable", sys.executable)

    def give_terminal(self, descriptor: int) -> None:
        """Make the default user the owner of a terminal, as sshd does."""
        if self.ground.kind == "root":
            os.fchown(descriptor, ISOLATED_UID, 5)
            os.fchmod(descriptor, 0o620)
