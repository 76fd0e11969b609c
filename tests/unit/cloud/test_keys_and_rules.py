"""Whether AWS holds our very key, and which rules of a group are ours."""

from __future__ import annotations

import base64
import hashlib

from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from jupyter_awsgpu.cloud.keys import same_key
from jupyter_awsgpu.cloud.network import label, own_rules


def line_of(key: ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey) -> str:
    """Return the public half as OpenSSH writes it."""
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def test_the_material_decides_where_aws_shows_it() -> None:
    """The comment at the end of a line does not count."""
    line, other = line_of(ed25519.Ed25519PrivateKey.generate()), line_of(ed25519.Ed25519PrivateKey.generate())
    assert same_key({"PublicKey": f"{line} somebody@laptop"}, line)
    assert not same_key({"PublicKey": other}, line)


def test_an_ed25519_fingerprint_is_opensshs() -> None:
    """AWS shows SHA-256 in base64, with or without padding."""
    line = line_of(ed25519.Ed25519PrivateKey.generate())
    digest = base64.b64encode(hashlib.sha256(base64.b64decode(line.split()[1])).digest()).decode()
    assert same_key({"KeyFingerprint": digest}, line)
    assert same_key({"KeyFingerprint": "SHA256:" + digest.rstrip("=")}, line)
    assert not same_key({"KeyFingerprint": "SHA256:else"}, line)


def test_an_imported_rsa_fingerprint_is_md5_of_the_der() -> None:
    """As EC2's guide on verifying fingerprints says of imported keys."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    digest = hashlib.md5(der, usedforsecurity=False).hexdigest()
    shown = ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))
    assert same_key({"KeyFingerprint": shown}, line_of(key))


def test_only_rules_with_the_clients_mark_are_the_clients() -> None:
    """Two laptops share the group; neither touches what is not its own."""
    mine = {"CidrIp": "192.0.2.1/32", "Description": label("c1")}
    theirs = {"CidrIp": "192.0.2.2/32", "Description": label("c2")}
    by_hand = {"CidrIp": "0.0.0.0/0"}
    six = {"CidrIpv6": "2001:db8::/64", "Description": label("c1")}
    group = {
        "IpPermissions": [
            {"FromPort": 22, "IpRanges": [mine, theirs, by_hand], "Ipv6Ranges": [six]},
            {"IpProtocol": "-1"},
        ]
    }
    assert own_rules(group, "c1") == {("192.0.2.1/32", 22), ("2001:db8::/64", 22)}
