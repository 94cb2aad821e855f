"""`python -m benchmarks.engine`, from the root of the repository."""

import os
import sys
from pathlib import Path


def main() -> None:
    # OpenMP reads it when torch is loaded: threads that wait must not take the cores from those that decode photos.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    sys.path.insert(0, str(Path(__file__).parents[2] / "endpoint_container"))
    from benchmarks.engine.command import run

    run()


if __name__ == "__main__":
    main()
