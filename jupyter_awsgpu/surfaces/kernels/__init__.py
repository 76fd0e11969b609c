"""The local kernel picker: what Jupyter starts when a kernel on an instance is chosen.

Loaded by Jupyter servers through entry points; nothing heavy is imported until a kernel starts.
"""

from __future__ import annotations


def _jupyter_server_extension_points() -> list[dict[str, object]]:
    """Tell Jupyter's server of the extension that keeps remote kernels over its restarts."""
    from jupyter_awsgpu.surfaces.kernels.server import RemoteKernels

    return [{"module": "jupyter_awsgpu.surfaces.kernels.server", "app": RemoteKernels}]
