"""Variables that look like settings and are none. Knows names; no value."""

import os
from difflib import get_close_matches
from typing import Final

from app.settings import Settings

_PREFIX: Final = "UNROLL_"
# Variables of other commands and of the compose file, which may stand in the same environment.
_OTHERS: Final = frozenset({"URL", "API_KEY", "DATA", "MEMORY", "CPUS"})


def unknown_settings() -> list[tuple[str, str]]:
    """Each such variable with the setting that may be meant, "" where none is near."""
    known = [name.upper() for name in Settings.model_fields]
    found = []
    for variable in sorted(os.environ):
        name = variable.removeprefix(_PREFIX)
        if name != variable and name not in known and name not in _OTHERS:
            nearest = get_close_matches(name, known, n=1)
            found.append((variable, _PREFIX + nearest[0] if nearest else ""))
    return found
