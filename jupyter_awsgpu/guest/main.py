"""The script /opt/awsgpu/main.py: runs the guest program, or its seed while the rest is on its way."""

import os
import sys

if os.path.exists(os.path.join(os.path.dirname(os.path.abspath(__file__)), "guest", "verbs.py")):
    from guest.verbs import main
else:
    from guest.seed import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
