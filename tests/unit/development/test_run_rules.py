"""The rules every run of the tests keeps: no silent skip in CI, and nothing left behind."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

CONFTEST = Path(__file__).parents[2] / "conftest.py"


def run(folder: Path, tests: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run tests under our conftest, in a folder and a process of their own."""
    shutil.copy(CONFTEST, folder)
    (folder / "test_it.py").write_text(textwrap.dedent(tests))
    inherited = {name: value for name, value in os.environ.items() if name not in ("CI", "AWSGPU_TESTS_MUST_RUN")}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--basetemp={folder / 'made'}", str(folder)],
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


SKIPPING = """
    import pytest

    def test_it():
        pytest.skip("chromium is missing")
"""


@pytest.mark.parametrize("variable", [{"CI": "true"}, {"AWSGPU_TESTS_MUST_RUN": "1"}], ids=str)
def test_a_skip_in_ci_is_a_failure(tmp_path: Path, variable: dict[str, str]) -> None:
    """Where everything must run, a skip fails and says why it skipped."""
    done = run(tmp_path, SKIPPING, **variable)
    assert done.returncode == 1
    assert "chromium is missing" in done.stdout


def test_a_skip_on_a_laptop_is_a_skip(tmp_path: Path) -> None:
    """Elsewhere a heavy test may skip."""
    assert run(tmp_path, SKIPPING).returncode == 0


def test_a_module_that_skips_itself_in_ci_is_a_failure(tmp_path: Path) -> None:
    """A module-level skip hides no module from CI."""
    done = run(tmp_path, "import pytest\npytest.importorskip('no_such_module')\ndef test_it(): pass\n", CI="true")
    assert done.returncode != 0


def test_what_asks_the_real_aws_may_skip_everywhere(tmp_path: Path) -> None:
    """Without --aws the account's tests skip, in CI too."""
    done = run(tmp_path, "import pytest\n@pytest.mark.aws\ndef test_it(): assert False\n", CI="true")
    assert done.returncode == 0
    assert "1 skipped" in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="sleep is a POSIX tool")
def test_a_process_left_behind_fails_the_run_and_is_ended(tmp_path: Path) -> None:
    """A detached process that outlives its test is named, ended, and an error."""
    tests = """
        import subprocess

        def test_it():
            subprocess.Popen(["sleep", "611"], start_new_session=True)
    """
    done = run(tmp_path, tests, AWSGPU_TESTS_GRACE_S="0.3")
    assert done.returncode == 1
    assert "sleep 611" in done.stdout
    assert not [one for one in psutil.process_iter(["cmdline"]) if one.info["cmdline"] == ["sleep", "611"]]


def test_nobodys_credentials_or_settings_reach_a_test(tmp_path: Path) -> None:
    """AWS_* and AWSGPU_* of the person who runs the tests are gone, and home is elsewhere."""
    tests = """
        import os, pathlib

        def test_it():
            assert "AWS_ACCESS_KEY_ID" not in os.environ
            assert "AWSGPU_REGION" not in os.environ
            assert pathlib.Path.home().name.startswith("home")
    """
    done = run(tmp_path, tests, AWS_ACCESS_KEY_ID="AKIAEXAMPLE", AWSGPU_REGION="eu-west-1")
    assert done.returncode == 0, done.stdout
