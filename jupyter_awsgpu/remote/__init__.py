"""Jupyter and the guest program on the instance, seen from the laptop.

Speaks to the instance only through a `Host` it is given, and to Jupyter only through the tunnel's
local port. What the instance answers is untrusted: it is bounded and cleaned before anybody sees it.
"""
