"""A GPU on AWS from inside your notebook.

    %load_ext jupyter_awsgpu
    box = %awsgpu launch p2.xlarge

or in Python: `from jupyter_awsgpu import launch, status`. Importing this package imports nothing
else; each name below is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_awsgpu._version import __version__

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from jupyter_awsgpu.errors import AwsGpuError
    from jupyter_awsgpu.surfaces.panel import panel
    from jupyter_awsgpu.surfaces.python import (
        cleanup,
        connect,
        cost,
        disconnect,
        doctor,
        gpu,
        image,
        images,
        keep,
        launch,
        logs,
        open_jupyter,
        plan,
        provision,
        pull,
        push,
        quota,
        regions,
        resize,
        run,
        runs,
        start,
        status,
        stop,
        terminate,
        token,
        types,
    )

__all__ = [
    "AwsGpuError",
    "__version__",
    "cleanup",
    "connect",
    "cost",
    "disconnect",
    "doctor",
    "gpu",
    "image",
    "images",
    "keep",
    "launch",
    "logs",
    "open_jupyter",
    "panel",
    "plan",
    "provision",
    "pull",
    "push",
    "quota",
    "regions",
    "resize",
    "run",
    "runs",
    "start",
    "status",
    "stop",
    "terminate",
    "token",
    "types",
]


def __getattr__(name: str) -> object:
    """Load a public name when it is first used."""
    if name not in __all__:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    if name == "AwsGpuError":
        from jupyter_awsgpu.errors import AwsGpuError

        return AwsGpuError
    if name == "panel":
        from jupyter_awsgpu.surfaces.panel import panel

        return panel
    from jupyter_awsgpu.surfaces import python

    return getattr(python, name)


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Answer `%load_ext jupyter_awsgpu`."""
    from jupyter_awsgpu.surfaces.magics import load_ipython_extension as load

    load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Answer `%unload_ext jupyter_awsgpu`."""
    from jupyter_awsgpu.surfaces.magics import unload_ipython_extension as unload

    unload(shell)
