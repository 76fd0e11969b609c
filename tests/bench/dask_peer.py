"""`dask_peer.py ENDPOINT TYPE AMI GROUP`: dask-cloudprovider's own code up to the address known; prints the seconds.

Run by an interpreter that has dask-cloudprovider; credentials and region are in the environment.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time

os.environ["AWS_ENDPOINT_URL"] = sys.argv[1]

began = time.perf_counter()
from aiobotocore.session import get_session  # noqa: E402
from dask_cloudprovider.aws.ec2 import EC2Instance  # noqa: E402


class Cluster:
    """What `create_vm` asks of its cluster."""

    boto_session = get_session()
    uuid = "bench"

    def render_process_cloud_init(self, _process: EC2Instance) -> str:
        """Return some user data."""
        return "#!/bin/sh\n"

    def _log(self, _message: str) -> None:
        return


async def main() -> None:
    """Create the machine and tell when its address was known."""
    machine = EC2Instance(
        Cluster(),
        {"docker_image": "daskdev/dask"},
        region=os.environ["AWS_DEFAULT_REGION"],
        ami=sys.argv[3],
        security_groups=[sys.argv[4]],
        instance_type=sys.argv[2],
        filesystem_size=75,
        instance_tags={"Name": "dask"},
        volume_tags={"Name": "dask"},
        use_private_ip=False,
        enable_detailed_monitoring=False,
    )
    machine.name = "dask"
    await machine.create_vm()
    print(time.perf_counter() - began, machine.instance["InstanceId"])  # noqa: T201 - its answer


asyncio.run(main())
