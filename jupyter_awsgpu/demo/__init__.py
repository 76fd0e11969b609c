"""A simulated AWS on this machine: endpoints that speak the real protocols, and SSH hosts behind them.

Nothing above knows this room exists: it is entered as an endpoint and made-up credentials. It may
import `model` and `errors`, nothing else of ours. It runs as a process of its own (`server`),
looked after from outside by `client`; `aws/` is the API side, `hosts/` what stands for instances.
"""
