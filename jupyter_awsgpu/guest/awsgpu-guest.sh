#!/bin/sh
# The command awsgpu-guest: the guest program, on the host's own Python.
exec python3 -sE "${AWSGPU_ROOT:-}/opt/awsgpu/main.py" "$@"
