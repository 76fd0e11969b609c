"""Which boot this is: everything the guest writes down about "now" hangs on that one name."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

ASK = "import sys; sys.path.insert(0, sys.argv[1]); from guest import paths; sys.stdin.read(); print(paths.boot_id())"
HERE = str(Path(str(files("jupyter_awsgpu.guest"))).parent)


def test_processes_that_ask_at_once_agree_on_the_name_of_the_boot(tmp_path: Path) -> None:
    """A run and a report that named it differently would never meet again: the report waits for ever."""
    for number in range(4):
        env = {**os.environ, "AWSGPU_ROOT": str(tmp_path / str(number))}
        argv = [sys.executable, "-SE", "-c", ASK, HERE]
        asking = [subprocess.Popen(argv, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(6)]
        for one in asking:
            assert one.stdin
            one.stdin.close()
        names = set()
        for one in asking:
            assert one.stdout
            names.add(one.stdout.read())
            one.stdout.close()
            assert one.wait(60) == 0
        assert len(names) == 1
