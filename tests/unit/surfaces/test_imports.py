"""What starting up costs: counted in modules, which a busy machine does not change."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = ("boto3", "botocore", "paramiko", "sshtunnel", "ipywidgets", "jupyter_server", "jupyterlab", "httpx", "moto")


def modules_after(code: str) -> set[str]:
    """Run code in a fresh interpreter and return the modules it has loaded."""
    program = f"{code}\nimport sys, json; print('\\n' + json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_importing_the_package_loads_nothing_else() -> None:
    """`import jupyter_awsgpu` is the package and its version."""
    ours = {name for name in modules_after("import jupyter_awsgpu") if name.startswith("jupyter_awsgpu")}
    assert ours == {"jupyter_awsgpu", "jupyter_awsgpu._version"}


def test_load_ext_loads_nothing_heavy_and_few_of_ours() -> None:
    """`%load_ext` registers; the rooms open with the first verb."""
    shell = "from IPython.core.interactiveshell import InteractiveShell; s = InteractiveShell.instance()"
    before = modules_after(shell)
    after = modules_after(f"{shell}; s.run_line_magic('load_ext', 'jupyter_awsgpu')")
    assert not after & {*HEAVY, "click"}
    assert len(after - before) <= 8, sorted(after - before)


def test_help_loads_click_and_the_table_alone() -> None:
    """`awsgpu --help` writes from a table: no verb, no value, no settings."""
    code = "from jupyter_awsgpu.surfaces.cli import main; main(['--help'])"
    loaded = modules_after(code)
    assert not loaded & {*HEAVY, "traitlets", "IPython", "jupyter_awsgpu.model", "jupyter_awsgpu.settings"}
    assert not any(name.startswith("jupyter_awsgpu.surfaces.commands") for name in loaded)
    ours = {name for name in loaded if name.startswith("jupyter_awsgpu")}
    assert len(ours) <= 10, sorted(ours)


@pytest.mark.parametrize("verb", ["launch", "status", "ssh", "types"])
def test_a_verbs_help_opens_no_room(verb: str) -> None:
    """`awsgpu VERB --help` needs neither AWS nor SSH."""
    code = (
        f"import sys; sys.argv = ['awsgpu', '{verb}', '--help']; from jupyter_awsgpu.surfaces.cli import main; main()"
    )
    assert not modules_after(code) & set(HEAVY)
