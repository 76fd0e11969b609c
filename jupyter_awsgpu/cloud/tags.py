"""Our tags: what makes a resource ours, and whose it is. No AWS call here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PREFIX = "jupyter-awsgpu:"
SCHEMA = f"{PREFIX}schema"
NAME = f"{PREFIX}name"
OWNER = f"{PREFIX}owner"
LAUNCH = f"{PREFIX}launch-id"
IMAGE = f"{PREFIX}image"
USER = f"{PREFIX}user"
PRICE = f"{PREFIX}price"
DISK = f"{PREFIX}disk"
SSH_PORT = f"{PREFIX}ssh-port"
MADE_OF = f"{PREFIX}made-of"
FROZEN = f"{PREFIX}frozen"
PURPOSE = f"{PREFIX}purpose"
COPY_OF = f"{PREFIX}copy-of"
ENGINE = f"{PREFIX}engine"
NODES = f"{PREFIX}nodes"
NODE = f"{PREFIX}node"
CLUSTER = f"{PREFIX}cluster"


def read(resource: Mapping[str, Any]) -> dict[str, str]:
    """Return a described resource's tags as a dictionary."""
    return {tag["Key"]: tag["Value"] for tag in resource.get("Tags") or ()}


def written(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Return tags in EC2's form."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def specification(kinds: Iterable[str], tags: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the TagSpecifications of a creating call, the same tags for every kind of resource."""
    return [{"ResourceType": kind, "Tags": written(tags)} for kind in kinds]


def ours(resource: Mapping[str, Any], owner: str | None = None) -> bool:
    """Return whether a described resource carries our tags, and `owner`'s where one is given."""
    tags = read(resource)
    return SCHEMA in tags and owner in (None, tags.get(OWNER))


def evidence(resource: Mapping[str, Any]) -> str:
    """Return the tags that make us take a resource for ours, for a person to judge."""
    tags = read(resource)
    return ", ".join(f"{key}={tags[key]}" for key in (OWNER, NAME, LAUNCH) if key in tags)
