"""The door of the terminal: `awsgpu` and `python -m jupyter_awsgpu`."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType
from typing import NoReturn

AGAIN_S = 2.0
"""An interrupted verb has ended by then, or its interrupt was lost."""


def hear_interrupts() -> None:
    """Lose no Ctrl-C: repeat it if the process is still there `AGAIN_S` later.

    Python drops a `KeyboardInterrupt` that is raised in one of its own callbacks, of an import's lock above all,
    and a verb imports much while it works.
    """
    import signal
    import threading

    if threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        return  # somebody else's, or ignored on purpose (nohup)

    def press_again() -> None:
        if hasattr(signal, "pthread_kill"):
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        else:
            import _thread

            _thread.interrupt_main()

    def pressed(number: int, frame: FrameType | None) -> None:
        again = threading.Timer(AGAIN_S, press_again)
        again.daemon = True
        again.start()
        signal.default_int_handler(number, frame)

    signal.signal(signal.SIGINT, pressed)


def main() -> None:
    """Run the command line and end the process with its exit status.

    An interrupted verb ends at once: its threads may still wait for AWS, and nobody waits for them.
    """
    if sys.argv[1:2] == ["_tunnel"]:
        _be_the_tunnel(sys.argv[2])
    from jupyter_awsgpu.surfaces.cli import main as terminal

    hear_interrupts()
    status = terminal()
    if status == 130:  # noqa: PLR2004 - the exit status of an interruption, see errors.Interrupted
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


def _be_the_tunnel(record: str) -> NoReturn:
    """Run the tunnel's own process: no verb, for the grammar would stay in memory as long as the tunnel does."""
    from pathlib import Path

    from jupyter_awsgpu import wiring

    sys.exit(wiring.tunnel_process(Path(record)))


if __name__ == "__main__":
    main()
