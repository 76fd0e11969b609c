"""The tunnel's process as the tests start it: as wiring does, without AWS.

`python tunnel_process.py RECORD`: keys and pins beside the record's folder; where AWS would say that
the instance answers is read from the file `located.json` there, and "gone" in it means terminated.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from jupyter_awsgpu.errors import InstanceGone
from jupyter_awsgpu.host import Hosts
from jupyter_awsgpu.model import Endpoint
from jupyter_awsgpu.records import KeyStore, Pins
from jupyter_awsgpu.tunnel import serve, stay_small

record = Path(sys.argv[1])
root = record.parent.parent
document = json.loads(record.read_text())


def locate() -> Endpoint:
    with (root / "located.log").open("a") as log:
        log.write("asked\n")
    said = json.loads((root / "located.json").read_text())
    if said == "gone":
        raise InstanceGone(name=document["name"], why="it was terminated")
    return Endpoint(document["instance_id"], said["address"], said["port"], said["user"], Path(said["key_file"]))


def connect(endpoint: Endpoint):
    hosts = Hosts(pins=Pins(root / "pins"), keys=KeyStore(root / "keys"))
    return hosts.connect(endpoint, launch_id=document["launch_id"], name=document["name"])


if __name__ == "__main__":
    stay_small()
    sys.exit(serve(record, locate=locate, connect=connect))
