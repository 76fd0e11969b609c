"""What the matrix lets `awsgpu run` run on an instance."""

import sys

sys.stdout.write("done there\n")
