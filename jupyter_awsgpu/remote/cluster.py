"""Several machines as one: what a node is told of its cluster, what it says of it, and the certificates between them.

Everything goes over the verified SSH connection; what a node answers is bounded and of known types, or left out.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.errors import NoCluster
from jupyter_awsgpu.model import GUEST_COMMAND, ClusterReport, ClusterSecrets, ClusterState, NodeSeen
from jupyter_awsgpu.remote.text import clean, document, number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.x509 import CertificateBuilder, Name

    from jupyter_awsgpu.host import Host
    from jupyter_awsgpu.model import Membership

NODES_AT_MOST = 1000
PACKAGES_AT_MOST = 100
PEM_LIMIT = 8192
HIGHEST_PORT = 65535
VALID_FOR = timedelta(days=3650)
"""A cluster that was stopped for years starts again; what ends its certificates is the end of its machines."""

CLOCKS_APART = timedelta(days=1)


def join(host: Host, membership: Membership) -> None:
    """Tell a node its part of the cluster; returns at once, and `guest.follow_progress` says when it is done.

    Told the same again, the node changes nothing; told of another head, it goes there.
    """
    said = asdict(membership)
    said.update(said.pop("secrets"))
    host.run([GUEST_COMMAND, "cluster", "join"], stdin=json.dumps(said).encode(), sudo=True)


def show(host: Host, *, secrets: bool = False) -> ClusterState:
    """Return what the node knows of its cluster, with the cluster's key pair if `secrets`. Raises `NoCluster`."""
    words = [GUEST_COMMAND, "cluster", "show", *(["--secrets"] if secrets else [])]
    done = host.run(words, sudo=True, check=False)
    return state_from(document(done.stdout) if done.status == 0 else {}, host.name)


def state_from(found: Mapping[str, Any], name: str) -> ClusterState:
    """Return the state in a node's answer: pure. Raises `NoCluster` where there is none."""
    short = report_of(found)
    if short is None:
        raise NoCluster(name=name)
    versions = found.get("versions")
    pairs = list(versions.items())[:PACKAGES_AT_MOST] if isinstance(versions, dict) else []
    return ClusterState(
        engine=short.engine,
        node=short.node,
        nodes=short.nodes,
        cluster=clean(found.get("cluster"), 60),
        head=clean(found.get("head"), 60),
        address=clean(found.get("address"), 60),
        versions={clean(key, 60): clean(value, 60) for key, value in pairs if clean(value, 60)},
        joined=short.joined,
        tasks=short.tasks,
        present=short.present,
        scheduler_port=_port(found.get("scheduler_port"), 8786),
        dashboard_port=_port(found.get("dashboard_port"), 8787),
        secrets=_secrets(found),
    )


def report_of(found: object) -> ClusterReport | None:
    """Return what a node says of its cluster in its report: pure; None for nothing, or nothing that makes sense."""
    if not isinstance(found, dict):
        return None
    engine, node, nodes = clean(found.get("engine"), 40), _count(found.get("node")), _count(found.get("nodes"))
    if not engine or node is None or nodes is None or not node < nodes <= NODES_AT_MOST:
        return None
    present = found.get("present")
    here = {one for one in map(_count, present[:NODES_AT_MOST]) if one is not None} if isinstance(present, list) else ()
    return ClusterReport(
        engine=engine,
        node=node,
        nodes=nodes,
        joined=_count(found.get("joined")),
        tasks=_count(found.get("tasks")),
        present=tuple(sorted(here)),
        seen=_seen(found.get("nodes_seen")),
    )


def _seen(value: object) -> tuple[NodeSeen, ...]:
    rows = list(value.items())[:NODES_AT_MOST] if isinstance(value, dict) else []
    found = []
    for key, row in rows:
        age = number(row.get("age_s")) if isinstance(row, dict) else None
        if age is not None and isinstance(key, str) and key.isascii() and key.isdigit() and len(key) <= 4:  # noqa: PLR2004
            found.append(NodeSeen(int(key), clean(row.get("busy_because"), 200) or None, age))
    return tuple(sorted(found, key=lambda one: one.node))


def _count(value: object) -> int | None:
    """Return a count, or None for what is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 53 else None


def _port(value: object, default: int) -> int:
    found = _count(value)
    return found if found is not None and 0 < found <= HIGHEST_PORT else default


def _secrets(found: Mapping[str, Any]) -> ClusterSecrets | None:
    parts = [found.get(key) for key in ("ca", "cert", "key")]
    texts = [
        one for one in parts if isinstance(one, str) and 0 < len(one) <= PEM_LIMIT and one.startswith("-----BEGIN")
    ]
    return ClusterSecrets(*texts) if len(texts) == len(parts) else None


# ── the certificates ─────────────────────────────────────────────────────────────────────────


def make_secrets(cluster: str) -> ClusterSecrets:
    """Make an authority for one cluster and one key pair signed by it; the authority's own key is forgotten at once.

    All nodes and clients have the pair in common: whoever has it belongs to the cluster, and nobody else does.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    from cryptography.x509.oid import ExtendedKeyUsageOID

    authority, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer, subject = _name(f"awsgpu {cluster}"), _name(f"awsgpu {cluster} node")
    ca = (
        _builder(issuer, issuer, authority.public_key(), authority.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .sign(authority, hashes.SHA256())
    )
    purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    cert = (
        _builder(subject, issuer, own.public_key(), authority.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(purposes, critical=False)
        .sign(authority, hashes.SHA256())
    )
    key = own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return ClusterSecrets(ca.public_bytes(Encoding.PEM).decode(), cert.public_bytes(Encoding.PEM).decode(), key)


def _name(text: str) -> Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def _builder(
    subject: Name, issuer: Name, key: EllipticCurvePublicKey, by: EllipticCurvePublicKey
) -> CertificateBuilder:
    """Return a certificate begun; both key identifiers are in it, without which Python 3.13 verifies none."""
    from cryptography import x509

    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCKS_APART)
        .not_valid_after(now + VALID_FOR)
        .public_key(key)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by), critical=False)
    )


def _usage(*, signs: bool) -> Any:
    """Return what a key may be used for: to sign certificates, or to prove oneself."""
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )
