"""A GPU on AWS from inside your notebook."""

from jupyter_awsgpu._version import __version__

__all__ = ["__version__"]
