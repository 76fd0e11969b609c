"""Key pairs: only public halves go to AWS, and a name is reused only for the very same key."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.cloud import tags
from jupyter_awsgpu.cloud.place import until
from jupyter_awsgpu.cloud.refusals import refusals
from jupyter_awsgpu.errors import AwsRefused, KeyPairTaken

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyter_awsgpu.cloud.place import Place

SHOWN_WITHIN_S = 5.0
"""What one call has made, another may not see for some seconds (EC2 guide, eventual consistency)."""


def ensure_key_pair(place: Place, name: str, public_line: str, has: Mapping[str, str]) -> str:
    """Return the key pair's name, importing the public half if AWS does not hold it.

    What AWS held is believed for a day: RunInstances itself refuses a key pair that has gone since. Raises
    `KeyPairTaken` where AWS holds another key under the name.
    """
    if place.known(_held(name)) == public_line.split()[1]:
        return name
    known = place.foreseen(f"key pair/{name}", lambda: _described(place, name))
    if known is None:
        try:
            with refusals(region=place.region, key_name=name):
                place.ec2.import_key_pair(
                    KeyName=name,
                    PublicKeyMaterial=public_line.encode(),
                    TagSpecifications=tags.specification(("key-pair",), has),
                )
        except KeyPairTaken:  # another process of ours was faster, or somebody else has the name
            known = _shown(place, name)
            if known is None:
                raise
    if known is not None and not same_key(known, public_line):
        raise KeyPairTaken(key_name=name, region=place.region)
    place.learn(_held(name), public_line.split()[1])
    return name


def _held(name: str) -> str:
    """Name the fact of which public key AWS holds under a name."""
    return f"key pair held/{name}"


def forget(place: Place, name: str) -> None:
    """Take a key pair for unknown where AWS has just said that it is not there."""
    place.learn(_held(name), None)


def look_ahead(place: Place, name: str) -> bool:
    """Ask for the key pair before it is known to be wanted: the next `ensure_key_pair` finds the answer."""
    if place.known(_held(name)):
        return True
    known = _described(place, name)
    place.foresee(f"key pair/{name}", known)
    return known is not None


def _described(place: Place, name: str) -> dict[str, Any] | None:
    try:
        with refusals(region=place.region):
            found = place.ec2.describe_key_pairs(KeyNames=[name], IncludePublicKey=True)["KeyPairs"]
    except AwsRefused as exc:
        if exc.facts.get("aws_code") == "InvalidKeyPair.NotFound":
            return None
        raise
    return dict(found[0]) if found else None


def _shown(place: Place, name: str) -> dict[str, Any] | None:
    """Return the key pair that took the name a moment ago, once AWS shows it to everybody."""
    found: list[dict[str, Any]] = []

    def look(_left_s: float) -> bool:
        known = _described(place, name)
        found.extend([known] if known else [])
        return bool(found)

    until(SHOWN_WITHIN_S, look)
    return found[0] if found else None


def same_key(known: Mapping[str, Any], public_line: str) -> bool:
    """Return whether a described key pair is this public key: by its material, else by its fingerprint.

    AWS shows the fingerprint of an imported ed25519 key as OpenSSH does (SHA-256, base64), that of an
    imported RSA key as MD5 of its DER form (EC2 user guide, "Verify the fingerprint of your key pair").
    """
    blob = public_line.split()[1]
    material = str(known.get("PublicKey") or "").split()
    if len(material) > 1:
        return material[1] == blob
    digest = base64.b64encode(hashlib.sha256(base64.b64decode(blob)).digest()).decode().rstrip("=")
    shown = str(known.get("KeyFingerprint", "")).removeprefix("SHA256:").rstrip("=")
    return shown in (digest, _rsa_fingerprint(public_line))


def _rsa_fingerprint(public_line: str) -> str | None:
    if not public_line.startswith("ssh-rsa"):
        return None
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_public_key

    der = load_ssh_public_key(public_line.encode()).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    digest = hashlib.md5(der, usedforsecurity=False).hexdigest()
    return ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))


def delete_key_pair(place: Place, name: str) -> None:
    """Remove a key pair from AWS; one that is not there is already removed."""
    forget(place, name)
    with refusals(region=place.region, key_name=name):
        place.ec2.delete_key_pair(KeyName=name)
