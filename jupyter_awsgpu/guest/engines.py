"""What several machines can work on together: an engine is a recipe, and this is the list of them.

A recipe is a module of its own with `TITLE` (its name in a step's text) and these functions, of which all but `look`
are pure but for the interpreter, user and home of this host. `part` is this node's part of the cluster
(`cluster.document`); before it has joined, `requirements` and `lab` are asked with as much of it as is foreseen:

    requirements(part)     what pip is asked for where people's code runs, and what must then be there: two lists
    lab(part)              what Jupyter loads beside it when it starts, and must be started again for
    files(part)            path → text of the settings that make the engine's client find the cluster
    places(part)           folders that hold only what may be lost, to be removed with the cluster
    services(part, gpus)   what runs on this node: `services.Service`
    versions(about)        package → version of what all nodes and clients must agree on
    look()                 on the head: {"joined", "tasks", "working", "present", "dashboard_port"}, or nothing; of a
                           scheduler that is at work and too busy to answer {"working"}
    PORTS                  where the head listens, as `cluster show` tells it

Another engine (Ray, torchrun) is one more such module and one more line below: nothing else here knows Dask.
"""

from __future__ import annotations

from . import engine_dask

KNOWN = {"dask": engine_dask}


def of(name: object):  # noqa: ANN201 - a recipe module, or None
    """Return the recipe of an engine, or None for one that this program does not know."""
    return KNOWN.get(name) if isinstance(name, str) else None
