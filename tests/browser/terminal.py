"""The terminal beside the browser: the same simulated AWS, asked from outside."""

import json
import subprocess
import sys


def awsgpu(*words, check=True):
    """Run the terminal's command line on the simulated AWS and return its JSON."""
    done = subprocess.run(
        [sys.executable, "-m", "jupyter_awsgpu", "--demo", "--json", *words],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert not check or done.returncode == 0, done.stderr
    return json.loads(done.stdout) if done.stdout.strip() else None
