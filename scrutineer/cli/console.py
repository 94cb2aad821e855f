"""Two outlets: results to standard output, everything else to standard error."""

from rich.console import Console

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def progress(line: str) -> None:
    """A line for whatever takes long, on standard error so that results can be piped."""
    err.print(f"  … {line}", style="dim", soft_wrap=True)
