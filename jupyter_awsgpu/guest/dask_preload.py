"""Loaded by Dask's scheduler itself: a page that says by name which workers it has.

Dask's own /json/identity.json has the names, too, and fails whenever a worker has just computed: it shows metrics
whose keys JSON cannot have (dask/distributed#8370, open since 2023). Not one of the guest's modules: it runs in the
Python of people's code, beside what Dask brings.
"""

from tornado import web

PAGE = "/awsgpu/workers.json"


class Workers(web.RequestHandler):
    """The names of the workers that the scheduler has now."""

    def initialize(self, scheduler) -> None:  # noqa: ANN001 - one of Dask's
        """Keep the scheduler that is asked."""
        self.scheduler = scheduler

    def get(self) -> None:
        """Answer with the names."""
        self.write({"names": [str(one.name) for one in self.scheduler.workers.values()]})


def dask_setup(scheduler) -> None:  # noqa: ANN001 - one of Dask's
    """Add the page to those of the dashboard's address."""
    scheduler.http_application.add_handlers(".*", [(PAGE, Workers, {"scheduler": scheduler})])
