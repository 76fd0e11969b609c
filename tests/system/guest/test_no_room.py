"""A full disk, for real; and a sudo that does not look where our command lies, as on Amazon Linux."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jupyter_awsgpu.errors import ProvisioningFailed
from jupyter_awsgpu.remote import guest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.system.hosts import RealHost

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]
SMALL = "/opt/awsgpu-env"


def narrow_sudo(real: RealHost) -> None:
    """Let sudo look for programs where Amazon Linux' does."""
    path = real.disk("/etc/sudoers.d/zz-path")
    path.write_text('Defaults secure_path="/sbin:/bin:/usr/sbin:/usr/bin"\n')
    path.chmod(0o440)


def test_a_full_disk_is_one_sentence_and_provisioning_goes_on(machine: Callable[..., Any]) -> None:
    """An environment on a disk of 4 MB: said clearly, and with room again the machine becomes ready."""
    one = machine(prepare=narrow_sudo)
    with one.connect() as host:
        assert host.run(["awsgpu-guest", "status"], sudo=True, check=False).status
        guest.follow_progress(host, lambda step: None)
        one.real.run("sh", "-c", f"mkdir -p {SMALL} && mount -t tmpfs -o size=4m small {SMALL}")
        wanted = {"requirements.txt": "iniconfig\n"}
        guest.provision(host, extra=wanted, changes={"environment": "requirements.txt"})
        with pytest.raises(ProvisioningFailed) as caught:
            guest.follow_progress(host, lambda step: None)
        assert caught.value.facts["log"].startswith("The disk is full: there was no room for what python")
        assert "\n" not in caught.value.facts["log"]

        one.real.run("umount", SMALL)
        guest.provision(host, changes={"environment": None})
        assert guest.follow_progress(host, lambda step: None).phase == "ready"
