"""Several questions at once, left without waiting when one fails or a person interrupts. No AWS here."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def parallel(workers: int) -> Iterator[ThreadPoolExecutor]:
    """Yield a pool; an error or Ctrl-C leaves it at once and drops what has not begun."""
    pool = ThreadPoolExecutor(max(1, workers), thread_name_prefix="awsgpu-cloud")
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()
