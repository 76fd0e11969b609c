"""`adopt`: an instance of another tool's, taken in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from jupyter_awsgpu.surfaces import values
from jupyter_awsgpu.surfaces.ask import Ask, pass_ask
from jupyter_awsgpu.surfaces.grammar import verb


@verb("adopt")
@click.argument("instance_id", type=values.INSTANCE_ID, metavar="ID")
@click.option("--key", "key_file", metavar="FILE", required=True, help="The private key that opens it.")
@click.option("--host-key", metavar="LINE", help="Its public host key, where the console does not show it.")
@click.option("--name", type=values.NAME, help="What to call it; its own Name, or gpu, where left out.")
@click.option("--user", metavar="USER", help="Whom to log in as; its image's user where left out.")
@click.option("--idle-stop", "idle_stop_minutes", type=values.IDLE, help="Idle time until it stops; never if left out.")
@click.option("--max-hours", type=values.CAP, help="Hours until it stops in any case; never if left out.")
@click.option("--port", type=values.PORT, help="Local port of the tunnel; 8889 or the next free.")
@click.option("--open/--no-open", "open_browser", default=False, help="Open the browser too.")
@pass_ask
def adopt(ask: Ask, /, *, key_file: str, port: int | None, open_browser: bool, **options: Any) -> Any:
    """Set up Jupyter on a running instance that another tool launched, and open the tunnel.

    Its host key is taken from the console that EC2 shows, or from --host-key, and from nowhere else.
    cleanup never lists it, and it stops by itself only if asked here.
    """
    from jupyter_awsgpu.verbs.adopt import Adoption
    from jupyter_awsgpu.verbs.adopt import adopt as take_in

    wish = Adoption(key_file=Path(key_file), **options)
    return take_in(ask.bench(), wish, port=port, open_browser=open_browser)


COMMANDS = {"adopt": adopt}
