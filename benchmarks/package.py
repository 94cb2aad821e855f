"""What `sam build` made: how much of Lambda's 250 MB it takes, and what its bytecode is worth to a cold start.

Handlers are imported from the built layer and package alone, in fresh processes, with and without bytecode in turns.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from benchmarks.report import arguments, median, tell
from scrutineer.local.settings import ROOT, StackSettings
from scrutineer.local.template import load_template

PROBE = "import time; start = time.process_time(); import {module}; print(time.process_time() - start)"
LAYER, FUNCTION = "PackagesLayer/python", "InspectionsFunction"


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--build", type=Path, default=ROOT / ".aws-sam" / "build", help="what sam build wrote")
    parser.add_argument("--repeat", type=int, default=5, help="fresh processes for each; the median counts")
    parser.add_argument("--handlers", nargs="*", metavar="STAGE", help="only these, such as authorizer")
    options = parser.parse_args()
    built = {name: options.build / name for name in (LAYER, FUNCTION)}
    for folder in built.values():
        if not folder.is_dir():
            parser.error(f"{folder} is not there: run `sam build` first")
    template = load_template(StackSettings().template, queues_url="http://127.0.0.1:9", parameters={})
    stages = [function.handler.partition(".")[0] for function in template.functions.values()]
    chosen = options.handlers or stages
    if unknown := sorted(set(chosen) - set(stages)):
        parser.error(f"there is no handler {', '.join(unknown)}")
    with tempfile.TemporaryDirectory() as work:
        bare = {name: without_bytecode(folder, Path(work) / name) for name, folder in built.items()}
        rows = [row(module, built, bare, options.repeat) for module in ["boto3", *(f"{each}.app" for each in chosen)]]
    tell(
        f"Import from the built package in a fresh process, median of {options.repeat}",
        rows,
        options.json,
        layer_mb=size_mb(built[LAYER]),
        layer_zipped_mb=zipped_mb(built[LAYER]),
        code_mb=size_mb(built[FUNCTION]),
        code_zipped_mb=zipped_mb(built[FUNCTION]),
    )


def row(module: str, built: dict[str, Path], bare: dict[str, Path], repeat: int) -> dict[str, Any]:
    shipped, compiled = [], []
    for _ in range(repeat):
        shipped.append(imported_ms(module, built))
        compiled.append(imported_ms(module, bare))
    return {
        "module": module,
        "ms with bytecode": median(shipped),
        "ms without": median(compiled),
        "× as long": median(compiled) / median(shipped),
    }


def imported_ms(module: str, folders: dict[str, Path]) -> float:
    """Milliseconds of CPU, which other work hardly stretches, to import `module` from `folders` alone."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(str(folders[name]) for name in (FUNCTION, LAYER)),
        "PYTHONDONTWRITEBYTECODE": "1",  # as in Lambda, where there is nowhere to write it to
        "POWERTOOLS_METRICS_NAMESPACE": "Scrutineer",
        "POWERTOOLS_SERVICE_NAME": "benchmark",
    }
    # -S: without the site-packages of this environment, where everything is installed as well.
    command = [sys.executable, "-S", "-c", PROBE.format(module=module)]
    return float(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout) * 1000


def without_bytecode(folder: Path, target: Path) -> Path:
    return Path(shutil.copytree(folder, target, ignore=shutil.ignore_patterns("__pycache__")))


def size_mb(folder: Path) -> float:
    """As Lambda counts: unzipped, in MiB (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html)."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20


def zipped_mb(folder: Path) -> float:
    """As it is uploaded, and counts against the account's room for code."""
    with tempfile.TemporaryFile() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in folder.rglob("*"):
                archive.write(path, path.relative_to(folder))
        return file.tell() / 2**20


if __name__ == "__main__":
    main()
