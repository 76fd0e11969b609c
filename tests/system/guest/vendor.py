"""What stands for the vendors: a package repository, a wheel index and an installer, served on a host's veth.

Real: apt, dpkg, pip, HTTP, the reboot. Stand-ins: the packages' content. The driver's nvidia-smi
speaks only after a reboot, as after a driver whose module another one kept out.
"""

from __future__ import annotations

import hashlib
import http.server
import json
import re
import shutil
import subprocess
import threading
from importlib.resources import files
from typing import TYPE_CHECKING, Self

from tests.system import rootfs
from tests.system.cluster import packages

if TYPE_CHECKING:
    from pathlib import Path

    from tests.system.hosts import RealHost

KERNEL = "uname -r"
SMI = """#!/bin/sh
# STAND-IN for nvidia-smi: speaks once the machine has started again since its package came.
if [ "$(cat /var/lib/stand-in-driver 2>/dev/null)" = "$(awk '{print $22}' /proc/1/stat)" ]; then
  echo "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver."
  exit 9
fi
case "$*" in
  *driver_version*) echo "580.95.05" ;;
  *utilization*) echo 0 ;;
  *) echo "| NVIDIA-SMI 580.95.05   Driver Version: 580.95.05   CUDA Version: 13.0 |" ;;
esac
"""
POSTINST = "#!/bin/sh\nawk '{print $22}' /proc/1/stat > /var/lib/stand-in-driver\n"
NVCC = '#!/bin/sh\necho "Cuda compilation tools, release 12.6, V12.6.85"\n'
LSPCI = '#!/bin/sh\necho "00:1e.0 0302: 10de:1eb8 (rev a1)"\n'


class Vendor:
    """The servers of one host; faults can be set while it runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[str] = []
        self.broken: dict[str, int] = {}
        """Path → how often its answer is cut short from now on."""
        self.shelves = [rootfs.wheels()]
        """Folders of the wheels in the index."""
        self._server: http.server.ThreadingHTTPServer | None = None

    def prepare(self, host: RealHost) -> None:
        """Serve everything on the host's gateway and point the host's disk there."""
        self.url = self._serve(host.gateway)
        repository = self.folder / "repository"
        repository.mkdir(parents=True)
        kernel = subprocess.run(["uname", "-r"], capture_output=True, text=True, check=True).stdout.strip()
        for name in ("dkms", "build-essential", f"linux-headers-{kernel}"):
            self._package(name, {})
        self._package("nvidia-open-580", {"usr/bin/nvidia-smi": SMI}, POSTINST)
        self._package("cuda-toolkit-12-6", {"usr/local/cuda/bin/nvcc": NVCC, "usr/local/cuda/lib64/.keep": ""})
        keyring = self._package("cuda-keyring", {"etc/apt/sources.list.d/cuda.list": f"# {self.url} is the test's\n"})
        shutil.move(keyring, repository / "cuda-keyring_1.1-1_all.deb")
        self._index(repository)
        installer = files("jupyter_awsgpu.demo").joinpath("stand_ins/miniforge.sh").read_text()
        (self.folder / "Miniforge3.sh").write_text(installer)
        (self.folder / "Miniforge3.sh.sha256").write_text(hashlib.sha256(installer.encode()).hexdigest() + "  x.sh\n")
        mirrors = {"cuda_repository": f"{self.url}/repository", "miniforge": f"{self.url}/Miniforge3.sh"}
        host.disk("/etc/awsgpu/mirror.json").write_text(json.dumps(mirrors))
        host.disk("/etc/apt/sources.list").write_text(f"deb [trusted=yes] {self.url}/repository ./\n")
        host.disk("/etc/pip.conf").write_text(
            f"[global]\nindex-url = {self.url}/simple\ntrusted-host = {host.gateway}\n"
        )

    def with_gpu(self, host: RealHost) -> None:
        """Prepare a plain host with a T4 in it, as lspci says."""
        self.prepare(host)
        path = host.disk("/usr/local/bin/lspci")
        path.write_text(LSPCI)
        path.chmod(0o755)

    def with_engine(self, host: RealHost) -> None:
        """Prepare a host whose index has Dask."""
        self.shelves.append(packages.wheels())
        self.prepare(host)

    def _package(self, name: str, content: dict[str, str], postinst: str = "") -> Path:
        """Build a real package."""
        tree = self.folder / "build" / name
        (tree / "DEBIAN").mkdir(parents=True)
        about = f"Package: {name}\nVersion: 1.0\nArchitecture: all\nMaintainer: a test\nDescription: stand-in\n"
        (tree / "DEBIAN/control").write_text(about)
        if postinst:
            (tree / "DEBIAN/postinst").write_text(postinst)
            (tree / "DEBIAN/postinst").chmod(0o755)
        for path, text in content.items():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_text(text)
            (tree / path).chmod(0o755)
        target = self.folder / "repository" / f"{name}_1.0_all.deb"
        subprocess.run(["dpkg-deb", "--root-owner-group", "-b", tree, target], check=True, capture_output=True)
        return target

    def _index(self, repository: Path) -> None:
        """Write the Packages file, as dpkg-scanpackages would."""
        entries = []
        for path in sorted(repository.glob("*.deb")):
            fields = subprocess.run(["dpkg-deb", "-f", path], check=True, capture_output=True, text=True).stdout
            data = path.read_bytes()
            entries.append(
                f"{fields}Filename: ./{path.name}\nSize: {len(data)}\nSHA256: {hashlib.sha256(data).hexdigest()}\n"
            )
        (repository / "Packages").write_text("\n".join(entries))

    def _serve(self, address: str) -> str:
        vendor = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *words: object) -> None:
                super().__init__(*words, directory=str(vendor.folder))  # type: ignore[arg-type]

            def do_GET(self) -> None:
                vendor.asked.append(self.path)
                if vendor.broken.get(self.path, 0) > 0:
                    vendor.broken[self.path] -= 1
                    self._cut_short()
                elif self.path.startswith("/simple/"):
                    self._wheel_page()
                else:
                    super().do_GET()

            def _cut_short(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", "100000")
                self.end_headers()
                self.wfile.write(b"#!/bin/sh\nexit 3\n")
                self.close_connection = True

            def _wheel_page(self) -> None:
                name = self.path.split("/")[2]
                wheels = {one.name: one for shelf in vendor.shelves for one in shelf.glob("*.whl")}
                if name == "files":
                    data = wheels[self.path.split("/")[3]].read_bytes()
                else:
                    found = [one for one in wheels if _plain(one.split("-")[0]) == _plain(name)]
                    data = "".join(f'<a href="/simple/files/{one}">{one}</a>\n' for one in found).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/html" if name != "files" else "application/octet-stream")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = http.server.ThreadingHTTPServer((address, 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return f"http://{address}:{self._server.server_port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._server:
            self._server.shutdown()
            self._server.server_close()


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
