"""The least a launch can do: boto3 and threads only, at most 40 lines. What `aws_bench.py` is measured against."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3


def launch(endpoint: str, key: tuple[str, str], region: str, wishes: dict[str, Any]) -> tuple[str, float]:
    """Look up image, key and group at once, ask for the instance, see it running; return id and seconds."""
    session = boto3.Session(aws_access_key_id=key[0], aws_secret_access_key=key[1], region_name=region)
    ec2 = session.client("ec2", endpoint_url=endpoint)
    began = time.perf_counter()
    with ThreadPoolExecutor(3) as pool:
        image = pool.submit(ec2.describe_images, ImageIds=[wishes["image"]])
        pair = pool.submit(ec2.describe_key_pairs, KeyNames=[wishes["key"]])
        group = pool.submit(ec2.describe_security_groups, GroupIds=[wishes["group"]])
        image_id = image.result()["Images"][0]["ImageId"]
        name, group_id = pair.result()["KeyPairs"][0]["KeyName"], group.result()["SecurityGroups"][0]["GroupId"]
    asked = ec2.run_instances(
        ImageId=image_id, InstanceType=wishes["type"], MinCount=1, MaxCount=1, KeyName=name, SecurityGroupIds=[group_id]
    )
    instance_id = asked["Instances"][0]["InstanceId"]
    while True:
        seen = ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]
        if seen["State"]["Name"] == "running":
            return instance_id, time.perf_counter() - began
        time.sleep(0.1)
