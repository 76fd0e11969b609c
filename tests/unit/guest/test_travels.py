"""The guest runs on an instance's own Python: the standard library, Python 3.8's grammar, and no import of ours."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

FOLDER = Path(str(files("jupyter_awsgpu.guest")))
MODULES = sorted(path.name for path in FOLDER.glob("*.py"))


@pytest.mark.parametrize("name", MODULES)
def test_it_is_python_3_8(name: str) -> None:
    """Old images have old Pythons."""
    ast.parse((FOLDER / name).read_text(), feature_version=(3, 8))


@pytest.mark.parametrize("name", MODULES)
def test_it_imports_the_standard_library_and_itself(name: str) -> None:
    """Nothing of the laptop's side, nothing from an index; what another program loads may have what that one has."""
    loaded_by = {"cells.py": {"IPython", "ipykernel", "numpy", "pyarrow"}, "dask_preload.py": {"tornado"}}
    allowed = {*sys.stdlib_module_names, *({"zmq"} if name.startswith("kernel_") else ()), *loaded_by.get(name, ())}
    for node in ast.walk(ast.parse((FOLDER / name).read_text())):
        if isinstance(node, ast.Import):
            assert {one.name.partition(".")[0] for one in node.names} <= allowed
        if isinstance(node, ast.ImportFrom) and not node.level:
            assert (node.module or "").partition(".")[0] in {*allowed, "guest"}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.sh")), ids=lambda path: path.name)
def test_shell_lines_pass_shellcheck(path: Path) -> None:
    """Every shell line the instance runs."""
    shellcheck = shutil.which("shellcheck")
    if shellcheck is None:
        pytest.skip("shellcheck is not installed")
    done = subprocess.run([shellcheck, path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
