"""Which cells a kernel ran and what each said: kept for a page that is opened anew, until a page has saved it.

A page that closes takes what it was given with it, and neither this machine nor the laptop's Jupyter hears
of that. So a cell's messages stay, although they arrived, until a page says that its notebook is saved with
them, until the cell is run again, or until there is no more room. Of what is no cell's, nothing stays.
"""

from __future__ import annotations

import collections


class Run:
    """One execution of a cell, from its request to the last word about it."""

    def __init__(self, cell: str, session: str, header: bytes) -> None:
        self.cell = cell
        self.session = session
        self.header = header  # of the request, as it came
        self.numbers: dict = {}  # of its messages -> whether it is output, in the order they came
        self.open = 0  # messages that have not arrived yet
        self.done = False
        self.settled = False  # saved, or run again: nobody will ask for it
        self.lost = [0, 0, 0]  # messages, bytes, and the last number of what there was no room for


class Runs:
    """All that may be asked for again. The messages themselves are in `kept`."""

    def __init__(self, kept) -> None:  # noqa: ANN001 - a Kept
        self._kept = kept
        self._runs: "collections.OrderedDict" = collections.OrderedDict()
        self._spare = 0  # bytes of output that has arrived and is kept all the same

    def begin(self, cause: str, run: Run) -> None:
        """Take note of a request; what its cell said earlier is not asked for any more."""
        for older, one in list(self._runs.items()):
            if run.cell and one.cell == run.cell and one.done:
                self._settle(older, one)
        self._runs[cause] = run

    def add(self, cause: str, number: int, output: bool) -> None:
        """Take note of a message that was kept."""
        run = self._runs.get(cause)
        if run is not None:
            run.numbers[number] = output
            run.open += 1

    def done(self, cause: str) -> None:
        """Take note of the reply to a request."""
        if cause in self._runs:
            self._runs[cause].done = True

    def arrived(self, number: int) -> None:
        """Take note of a receipt."""
        one = self._kept.messages.get(number)
        if one is None or one.acked:
            return
        one.acked = True
        run = self._runs.get(one.parent)
        if run is None:
            self._kept.drop(number)
            return
        run.open -= 1
        if run.numbers[number]:
            self._spare += one.size
        self._let_go(one.parent, run)

    def saved(self, causes: list) -> None:
        """Take note of the runs whose output is in a notebook's file."""
        for cause in causes:
            if cause in self._runs:
                self._settle(cause, self._runs[cause])

    def _settle(self, cause: str, run: Run) -> None:
        run.settled = True
        self._let_go(cause, run)

    def _let_go(self, cause: str, run: Run) -> None:
        """Forget a run that has arrived whole and that nobody will ask for."""
        if run.done and not run.open and (run.settled or not run.cell):
            for number in list(run.numbers):
                self._drop(run, number)
            del self._runs[cause]

    def _drop(self, run: Run, number: int) -> None:
        if run.numbers.pop(number):
            self._spare -= self._kept.messages[number].size
        self._kept.drop(number)

    def make_room(self, size: int) -> None:
        """Let go of the oldest output that has arrived, until this many bytes are free or nothing is left to spare."""
        wanted = self._kept.bytes - size
        for done in (True, False):
            for run in self._runs.values() if self._spare else ():
                if run.done is done:
                    self._thin(run, wanted)

    def _thin(self, run: Run, wanted: int) -> None:
        spared, size = [], 0
        for number in (one for one, output in run.numbers.items() if output):
            one = self._kept.messages[number]
            if self._kept.bytes - size <= wanted or not one.acked:
                break
            spared.append(number)
            size += one.size
        for number in spared:
            self._drop(run, number)
            run.lost[2] = number
        run.lost[0] += len(spared)
        run.lost[1] += size

    def told(self, asking: str):  # noqa: ANN201 - an iterator
        """Yield what a page may have missed, as (run, its message): the cells of others that no page has saved.

        In place of what there was no room for, the message is None; so it is for a cell that waits for its turn.
        """
        for run in self._runs.values():
            if run.session == asking or not run.cell or run.settled:
                continue
            marked = not run.lost[0]
            for number in run.numbers:
                if not marked and number > run.lost[2]:
                    marked = True
                    yield run, None
                yield run, self._kept.messages[number]
            if not marked or not run.numbers:
                yield run, None
