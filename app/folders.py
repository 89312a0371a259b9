"""Where folders lie if no setting says. Knows how this package is installed; reads no folder."""

import os
from pathlib import Path
from typing import Final

_PACKAGE: Final = Path(__file__).resolve().parent


def default_folder(name: str, package: Path = _PACKAGE) -> Path:
    """Where `name` (models, streams) lies if no setting says: the same wherever a command starts.

    package: the folder `app`. In a checkout, and in the image, that is beside it. Installed among
    other packages there is nothing of one's own beside it: then it is the folder for a user's data
    (XDG Base Directory Specification).
    """
    if package.parent.name not in ("site-packages", "dist-packages"):
        return package.parent / name
    data = os.environ.get("XDG_DATA_HOME", "")
    root = Path(data) if Path(data).is_absolute() else Path.home() / ".local" / "share"
    return root / "unroll" / name
