"""The tests. Fixes, before torch and NumPy are imported, how many threads they compute with."""

import os

# Tests train networks so small that threads only wait for each other, and the last digits of what
# they learn depend on the number of threads. Another number can be tried: it is a default.
os.environ.setdefault("OMP_NUM_THREADS", "1")
