"""What every test shares: how hard hypothesis tries, and where logs go. Knows no part of it."""

import io

from hypothesis import settings

from app import log

settings.register_profile("unroll", max_examples=50, deadline=None)
settings.load_profile("unroll")

# Unconfigured, structlog would render every expected traceback in colour, which takes seconds.
log.configure("json", "WARNING", io.StringIO())
