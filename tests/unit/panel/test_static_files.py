"""The labextension as it is shipped: prebuilt, and small."""

from pathlib import Path

import pytest

import jupyter_awsgpu

BUILT = Path(jupyter_awsgpu.__file__).parent / "labextension"


@pytest.mark.skipif(not BUILT.is_dir(), reason="the labextension is not built: pip install builds it")
def test_what_a_page_loads_is_under_100_kb():
    """The sidebar costs every JupyterLab page its bytes, whether it is opened or not."""
    sizes = {file.name: file.stat().st_size for file in (BUILT / "static").iterdir()}
    assert any(name.startswith("remoteEntry") for name in sizes)
    assert sum(sizes.values()) < 100_000, sizes
