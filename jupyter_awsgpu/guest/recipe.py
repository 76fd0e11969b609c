"""The recipe: from the configuration and the host's facts to the steps, in their order."""

from __future__ import annotations

from . import cluster_steps, data, driver, environment, facts, interpreter, jupyter, watch


def steps(config: dict) -> list:
    """Return this host's steps."""
    return of(config, facts.gather())


def of(config: dict, found: facts.Facts) -> list:
    """Return all steps: driver and toolkit where there is a GPU, Python, packages, Jupyter, watchdog, a cluster.

    The watchdog comes first: money is watched before anything else is done.
    """
    return [
        *watch.steps(config),
        *data.steps(config),
        *driver.steps(config, found),
        *interpreter.steps(config, found.machine),
        *environment.steps(config),
        *jupyter.steps(config),
        *cluster_steps.steps(config),
    ]
