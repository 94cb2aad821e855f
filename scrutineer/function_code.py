"""The functions' own code, for what the command does to a database that is reached from here: one implementation of it.

`functions/` imports only itself and never this package; this package imports from there just what a database needs.
"""

import sys

from scrutineer.local.settings import ROOT

FOLDER = str(ROOT / "functions")


def reachable() -> None:
    """Call it before an import from `migrate` or `core`. Last on the path: their names are short."""
    if FOLDER not in sys.path:
        sys.path.append(FOLDER)
