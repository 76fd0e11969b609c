"""The script /opt/awsgpu/main.py: runs the guest program, or its first part while the whole is on its way."""

import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
if os.path.exists(os.path.join(here, "guest", "verbs.py")):
    from guest.verbs import main
else:
    import lzma

    scope = {"__file__": os.path.join(here, "first.xz")}
    with lzma.open(scope["__file__"]) as stream:
        exec(stream.read(), scope)  # noqa: S102 - our own text
    main = scope["main"]

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
