"""Which host keys are accepted."""

import pytest

from jupyter_awsgpu.errors import HostKeyUnknown
from jupyter_awsgpu.host import generate_host_key
from jupyter_awsgpu.host.identity import fingerprint, host_key_algorithms, normal_line, require_pins

ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"  # GitHub's, published


def test_the_first_key_is_an_ecdsa_key_openssh_can_read():
    """Private half as PEM, public half as a line, of the type that leaves room for ed25519."""
    private, public = generate_host_key()
    assert private.startswith("-----BEGIN EC PRIVATE KEY-----\n")
    assert public.startswith("ecdsa-sha2-nistp256 AAAA")
    assert normal_line(public + " a comment") == public


def test_a_fingerprint_is_openssh_own():
    """The one GitHub publishes for its ed25519 host key."""
    assert fingerprint(ED25519) == "ssh-ed25519 SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU"


def test_an_rsa_pin_is_proven_by_its_modern_signatures():
    """ssh-rsa names a key; SHA-1 signatures are not accepted."""
    assert host_key_algorithms(["ssh-rsa AAAA"]) == ("rsa-sha2-512", "rsa-sha2-256")


@pytest.mark.parametrize("line", ["", "ssh-ed25519", "ssh-ed25519 !!!", "ssh-rsa " + ED25519.split()[1], "a b c"])
def test_what_is_no_key_is_refused(line):
    """A guest's answer is checked before it is pinned."""
    with pytest.raises(ValueError, match="not an OpenSSH public key"):
        normal_line(line)


def test_no_pins_is_an_error_with_a_way_out():
    """Launched from another machine: import its key."""
    with pytest.raises(HostKeyUnknown) as caught:
        require_pins((), "gpu")
    assert caught.value.remedy == "awsgpu key import FILE"
