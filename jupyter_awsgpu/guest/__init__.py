"""The program that runs on the instance: bootstrap, provisioning, services, watchdog.

Standard library only, Python 3.8 or newer, and nothing of the laptop's side: these files travel in
user-data and live in /opt/awsgpu/guest. Everything they touch lies below `$AWSGPU_ROOT` (default /).
"""
