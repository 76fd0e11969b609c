"""Host keys are read from a console as cloud-init prints it, and from nothing that merely looks so."""

from __future__ import annotations

import pytest

from jupyter_awsgpu.host import console_host_keys

ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBU5ofABUc4rNv9dkM6ZB+2BcQ3H9XSwJPBmV7iIbdWq"
ECDSA = (
    "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEmKSENjQEezOmxkZMy7opKgwFB9nkt5"
    "YRrYMjNuG5N87uRgg6CLrbo5wAdT/y6v0mKV0U2w0WZ2YB/++Tpockg="
)
BEGIN, END = "-----BEGIN SSH HOST KEY KEYS-----", "-----END SSH HOST KEY KEYS-----"


def block(*lines: str) -> str:
    return "\n".join([BEGIN, *lines, END, ""])


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("", ()),
        ("[    1.0] Linux version 6.8\nlogin: ", ()),
        (block(f"{ECDSA} root@ip-10-0-0-1", f"{ED25519} root@ip-10-0-0-1"), (ED25519, ECDSA)),
        (block(f"[   14.2] cloud-init[611]: {ED25519} root@x\r"), (ED25519,)),
        (block(OTHER) + "reboot\n" + block(ED25519), (ED25519,)),
        (f"{BEGIN}\n{ED25519}\n", ()),
        (f"{ED25519}\n{END}\n", ()),
        (block(ED25519) + f"{BEGIN}\n{OTHER}\n", (ED25519,)),
        (block("ssh-dss AAAAB3NzaC1kc3MAAACBAK", "ssh-ed25519 AAAAE2VjZHNh"), ()),
    ],
    ids=["nothing", "no block", "best first", "prefixed", "latest boot", "unfinished", "no begin", "next", "no keys"],
)
def test_the_keys_of_the_last_whole_block_count(text: str, keys: tuple[str, ...]) -> None:
    """Ed25519 first; half a block, or a key of a kind nobody should trust, is no key."""
    assert console_host_keys(text) == keys
