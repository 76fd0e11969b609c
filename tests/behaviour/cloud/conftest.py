"""`cloud/` on the simulated AWS, with nothing remembered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.behaviour.cloud.account import PUBLIC_KEY, Aws, Launched, new_clouds, tags_of

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_awsgpu.cloud import Cloud, Clouds


@pytest.fixture
def clouds(aws: Aws, tmp_path: Path) -> Clouds:
    """Return a client that remembers nothing."""
    return new_clouds(aws, tmp_path)


@pytest.fixture
def cloud(clouds: Clouds) -> Cloud:
    """Return the simulated Oregon."""
    return clouds.here()


@pytest.fixture
def ready(clouds: Clouds, cloud: Cloud) -> Launched:
    """Return an account with a key pair and a group, ready to launch a g4dn.xlarge."""
    owner = clouds.identity().owner
    itype = cloud.instance_type("g4dn.xlarge")
    cloud.ensure_key_pair("awsgpu-key", PUBLIC_KEY, tags_of(owner))
    cloud.price("g4dn.xlarge")
    group = cloud.ensure_security_group("awsgpu-demo", tags_of(owner), allow_from=("192.0.2.1/32",), client_id="c1")
    return Launched(cloud, owner, itype, cloud.image(None, itype), group)
