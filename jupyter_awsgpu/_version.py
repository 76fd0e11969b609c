"""The package's version, alone in its file so that build tools can read it."""

__version__ = "0.1.0"
