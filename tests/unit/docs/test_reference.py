"""docs/reference.md says what the code says: commands, routes, error codes, settings."""

import runpy

from scrutineer.local.settings import ROOT


def test_the_reference_is_what_the_code_would_write() -> None:
    rendered = runpy.run_path(str(ROOT / "docs" / "build.py"))["rendered"]
    assert (ROOT / "docs" / "reference.md").read_text() == rendered(), "run `make docs`"
