"""The local kernel picker: what Jupyter starts when a kernel on an instance is chosen.

Loaded by Jupyter servers through an entry point; nothing heavy is imported until a kernel starts.
"""
