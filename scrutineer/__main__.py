"""`python -m scrutineer` is the `scrutineer` command."""

from scrutineer.cli.main import run

run()
