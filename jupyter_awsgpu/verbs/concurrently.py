"""Several questions to AWS at once, without an interrupted person waiting for their answers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def concurrently(workers: int) -> Iterator[ThreadPoolExecutor]:
    """Yield a pool; leave it at once on an error or Ctrl-C, dropping what has not begun."""
    pool = ThreadPoolExecutor(workers, thread_name_prefix="awsgpu")
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()
