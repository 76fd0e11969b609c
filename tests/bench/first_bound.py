"""The least a first launch on an empty account can do: boto3 and threads only, at most 40 lines."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3


def launch(endpoint: str, key: tuple[str, str], region: str, wishes: dict[str, Any]) -> tuple[str, float]:
    """Find image and network, make key and group, let SSH in, ask for the instance, see it running."""
    session = boto3.Session(aws_access_key_id=key[0], aws_secret_access_key=key[1], region_name=region)
    ec2, ssm = (session.client(name, endpoint_url=endpoint) for name in ("ec2", "ssm"))
    began = time.perf_counter()

    def image() -> str:
        found = ssm.get_parameters(Names=[wishes["parameter"]])["Parameters"][0]["Value"]
        return str(ec2.describe_images(ImageIds=[found])["Images"][0]["ImageId"])

    def group() -> str:
        vpc = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
        made = str(ec2.create_security_group(GroupName="bound", Description="bound", VpcId=vpc)["GroupId"])
        ec2.authorize_security_group_ingress(
            GroupId=made, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="192.0.2.1/32"
        )
        return made

    with ThreadPoolExecutor(3) as pool:
        found, made = pool.submit(image), pool.submit(group)
        pool.submit(ec2.import_key_pair, KeyName="bound", PublicKeyMaterial=wishes["public"].encode())
    asked = {"ImageId": found.result(), "InstanceType": wishes["type"], "MinCount": 1, "MaxCount": 1}
    box = ec2.run_instances(**asked, KeyName="bound", SecurityGroupIds=[made.result()])["Instances"][0]["InstanceId"]
    while True:
        seen = ec2.describe_instances(InstanceIds=[box])["Reservations"][0]["Instances"][0]
        if seen["State"]["Name"] == "running":
            return box, time.perf_counter() - began
        time.sleep(0.1)
