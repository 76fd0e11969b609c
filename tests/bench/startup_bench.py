"""What starting costs: the command line, `%load_ext`, the panel; beside bare interpreters that do the same.

    python tests/bench/startup_bench.py [--rounds 7]

Wall seconds of processes of their own, interleaved; the simulated AWS has no hosts and adds nothing to a call.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from jupyter_awsgpu.demo import client

GOALS = {
    "awsgpu --help, over `python -c 'import click'`": 1.5,
    "awsgpu status, over a bare boto3 DescribeInstances script": 1.2,
    "%load_ext over bare IPython": 30,
    "boto3, paramiko, ipywidgets, jupyter_server loaded by %load_ext": 0,
    "sessions and clients made at the second verb in a kernel": 0,
    "panel: first render in a cold kernel": 2,
    "panel: a core's share while idle with ten instances": 1,
}
UNITS = {
    "%load_ext over bare IPython": "ms",
    "panel: first render in a cold kernel": "s",
    "panel: a core's share while idle with ten instances": "%",
}
IDLE_S = 30.0

LOAD = """
import time, sys, json
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
began = time.perf_counter()
shell.run_line_magic("load_ext", "jupyter_awsgpu")
took = 1000 * (time.perf_counter() - began)
heavy = [one for one in ("boto3", "paramiko", "ipywidgets", "jupyter_server") if one in sys.modules]
print(json.dumps([took, len(heavy)]))
"""
SECOND = """
import gc, json
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_line_magic("load_ext", "jupyter_awsgpu")
def made():
    gc.collect()
    from botocore.client import BaseClient
    from botocore.session import Session
    return sum(isinstance(one, (Session, BaseClient)) for one in gc.get_objects())
shell.run_line_magic("awsgpu", "status")
first = made()
shell.run_line_magic("awsgpu", "status")
print(json.dumps(made() - first))
"""
RENDER = """
import time
began = time.perf_counter()
import ipywidgets
from jupyter_awsgpu import panel
shown = panel()
shown._repr_mimebundle_()
print(time.perf_counter() - began)
"""
IDLE = """
import sys, time
from jupyter_awsgpu import panel
shown = panel()
while len(shown._watcher.snapshot.instances) < 10:
    time.sleep(0.2)
time.sleep(5)
began, cpu = time.perf_counter(), time.process_time()
time.sleep(float(sys.argv[1]))
print(100 * (time.process_time() - cpu) / (time.perf_counter() - began))
"""
BARE = """
import boto3
ec2 = boto3.client("ec2")
for one in ec2.describe_instances()["Reservations"]:
    print(one)
"""


def seconds(command: list[str], environment: dict[str, str]) -> float:
    """Return how long a process takes."""
    began = time.perf_counter()
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return time.perf_counter() - began


def answer(code: str, environment: dict[str, str], *arguments: str) -> str:
    """Return the last line that a program of one argument prints."""
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return done.stdout.strip().splitlines()[-1]


def as_real(folder: Path) -> dict[str, str]:
    """Return the environment of somebody whose AWS is the simulated one, by botocore's own variables."""
    status = client.up(folder / "aws", hosts=False)
    more = {
        "AWS_ENDPOINT_URL": str(status.endpoint),
        "AWS_ACCESS_KEY_ID": str(status.access_key_id),
        "AWS_SECRET_ACCESS_KEY": str(status.secret_access_key),
        "AWS_DEFAULT_REGION": "us-west-2",
        "AWSGPU_DATA_DIR": str(folder / "data"),
        "IPYTHONDIR": str(folder / "ipython"),
    }
    # What pip installs is compiled; a checkout is by its first run, unless the environment forbids it.
    compiled = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return {**compiled, **more}


def ten_instances(environment: dict[str, str]) -> None:
    """Launch ten that carry our tags, with nothing behind them."""
    import boto3

    names = {
        "aws_access_key_id": environment["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": environment["AWS_SECRET_ACCESS_KEY"],
        "region_name": environment["AWS_DEFAULT_REGION"],
        "endpoint_url": environment["AWS_ENDPOINT_URL"],
    }
    ec2, ssm, sts = (boto3.client(service, **names) for service in ("ec2", "ssm", "sts"))
    arn = sts.get_caller_identity()["Arn"]
    name = "/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-ubuntu-24.04/latest/ami-id"
    image = ssm.get_parameters(Names=[name])["Parameters"][0]["Value"]
    for number in range(10):
        has = {
            "jupyter-awsgpu:schema": "1",
            "jupyter-awsgpu:name": f"bench{number}",
            "jupyter-awsgpu:owner": f"{arn.split(':')[4]}/user/{arn.rpartition('/')[2]}",
            "jupyter-awsgpu:launch-id": f"l-{number:016x}",
        }
        tags = [{"ResourceType": "instance", "Tags": [{"Key": key, "Value": value} for key, value in has.items()]}]
        ec2.run_instances(ImageId=image, InstanceType="g4dn.xlarge", MinCount=1, MaxCount=1, TagSpecifications=tags)


def measure(rounds: int) -> dict[str, float]:
    """Return every figure of `GOALS`."""
    python, script = [sys.executable], Path(sys.executable).with_name("awsgpu")
    ours = [str(script)] if script.exists() else [sys.executable, "-m", "jupyter_awsgpu"]
    with tempfile.TemporaryDirectory() as place:
        environment = as_real(Path(place))
        try:
            commands = {
                "click": [*python, "-c", "import click"],
                "help": [*ours, "--help"],
                "bare": [*python, "-c", BARE],
                "status": [*ours, "status"],
            }
            took: dict[str, list[float]] = {name: [] for name in commands}
            for _round in range(rounds + 1):
                for name, command in commands.items():
                    took[name].append(seconds(command, environment))
            loaded = [json.loads(answer(LOAD, environment)) for _round in range(rounds)]
            second = json.loads(answer(SECOND, environment))
            rendered = statistics.median(float(answer(RENDER, environment)) for _round in range(rounds))
            ten_instances(environment)
            idle = float(answer(IDLE, environment, str(IDLE_S)))
        finally:
            client.down(Path(place) / "aws")
    ratio = {
        ours: statistics.median(a / b for a, b in zip(took[ours][1:], took[bare][1:], strict=True))
        for ours, bare in (("help", "click"), ("status", "bare"))
    }
    seen = (ratio["help"], ratio["status"], statistics.median(took for took, _ in loaded), loaded[0][1], second)
    return dict(zip(GOALS, (*seen, rendered, idle), strict=True))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=7)
    for name, seen in measure(parser.parse_args().rounds).items():
        sys.stdout.write(f"{name:66} {GOALS[name]:>6g} {seen:>8.4g}\n")


if __name__ == "__main__":
    main()
