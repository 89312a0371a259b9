"""The tests. Takes out of the environment what would make them depend on who runs them where.

It is imported before any test, and so before torch and NumPy decide on their threads. Processes
that a test starts import it, too: they keep what the test gave them.
"""

import os

# Tests train networks so small that threads only wait for each other, and the last digits of what
# they learn depend on the number of threads. Another number can be tried: it is a default.
os.environ.setdefault("OMP_NUM_THREADS", "1")

_DONE = "TESTS_ENVIRONMENT_IS_CLEAN"

if _DONE not in os.environ:
    for _name in list(os.environ):
        # Settings of a service that somebody runs by hand; UNROLL_DATA is read by tests alone.
        _setting = _name.startswith("UNROLL_") and _name != "UNROLL_DATA"
        # Tests ask services on this machine only, never through a proxy, and compare plain text.
        if _setting or _name.lower().endswith("_proxy") or _name == "FORCE_COLOR":
            del os.environ[_name]
    os.environ[_DONE] = "1"
