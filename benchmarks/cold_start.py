"""How long each handler takes to import in a fresh process, and which imports take the most.

The baseline of the same run is a process that imports boto3 alone, which none of the handlers does before its first
event.
"""

import os
import re
import subprocess
import sys
from typing import Any

from benchmarks.report import arguments, median, tell
from scrutineer.local.settings import ROOT, StackSettings
from scrutineer.local.template import load_template

PROBE = "import time; start = time.perf_counter(); import {module}; print(time.perf_counter() - start)"
LINE = re.compile(r"import time:\s+\d+ \|\s+(\d+) \| (\s*)(\S+)")


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--repeat", type=int, default=5, help="fresh processes for each handler; the median counts")
    options = parser.parse_args()
    template = load_template(StackSettings().template, queues_url="http://127.0.0.1:9", parameters={})
    baseline = median([imported_ms("boto3") for _ in range(options.repeat)])
    rows: list[dict[str, Any]] = [
        {"handler": "(boto3 alone)", "import ms": baseline, "× boto3": 1.0, "largest imports, ms": ""}
    ]
    for function in template.functions.values():
        module = function.handler.rpartition(".")[0]
        spent = median([imported_ms(module) for _ in range(options.repeat)])
        rows.append(
            {
                "handler": module,
                "import ms": spent,
                "× boto3": spent / baseline,
                "largest imports, ms": ", ".join(f"{name} {ms:.0f}" for name, ms in largest(module)),
            }
        )
    tell(f"Import of each handler in a fresh process, median of {options.repeat}", rows, options.json)


def imported_ms(module: str) -> float:
    """Milliseconds to import `module` in a fresh process, the interpreter's own start not counted."""
    return float(run("-c", PROBE.format(module=module)).stdout) * 1000


def largest(module: str, count: int = 3) -> list[tuple[str, float]]:
    """The third-party packages that cost most, with all that they import, in milliseconds."""
    found: dict[str, float] = {}
    for line in run("-X", "importtime", "-c", f"import {module}").stderr.splitlines():
        if (match := LINE.match(line)) and "." not in match[3]:
            found[match[3]] = int(match[1]) / 1000
    own = {folder.name for folder in (ROOT / "functions").iterdir()}
    third_party = [(name, ms) for name, ms in found.items() if name not in own and name not in sys.stdlib_module_names]
    return sorted(third_party, key=lambda entry: -entry[1])[:count]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "functions"),
        "POWERTOOLS_METRICS_NAMESPACE": "Scrutineer",
        "POWERTOOLS_SERVICE_NAME": "benchmark",
    }
    return subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, check=True)


if __name__ == "__main__":
    main()
