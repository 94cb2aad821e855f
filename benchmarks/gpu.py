"""The engine on a GPU at InternVL3's true shapes, beside `generate` behind one lock and the roofline of the device.

One command, from the root of the repository, that ends inside its budget and prints its table last:

    python -m benchmarks.gpu

It needs torch, transformers, Pillow and numpy, no server and no network. The weights are random, so the answers mean
nothing; the work is that of a trained model. What the budget leaves no time for is named.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs" / "performance.md"


def main() -> None:
    started = time.perf_counter()
    options = parser().parse_args()
    # Both have to come before torch and the engine are imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    sys.path.insert(0, str(ROOT / "endpoint_container"))
    from benchmarks.figures import markdown_table, write_between
    from benchmarks.gpu_rows import PLAN, SHAPES, Host, measure, table

    host = Host.at_hand(options.device)
    print(host.told(), flush=True)
    results, dropped = [], []
    shapes = options.shape or (["8B", "2B"] if host.device.type == "cuda" else ["tiny"])
    for number, name in enumerate(shapes, start=1):
        # The first shape may not use up the time of the next.
        deadline = started + options.budget_s * number / len(shapes)
        found, left_out = measure(host, name, SHAPES[name], PLAN[: options.rows], options.repeats, deadline)
        results += found
        dropped += left_out
    rows = table(results)
    text = "\n\n".join(
        [
            f"{host.told()}. Medians of {options.repeats}.",
            markdown_table(rows) if rows else "Nothing was measured.",
            *([f"Left out for want of time or memory: {'; '.join(dropped)}."] if dropped else []),
        ]
    )
    if options.json:
        content = {"device": host.name, "rates": vars(host.rates), "rows": rows, "dropped": dropped}
        options.json.write_text(json.dumps(content, indent=1) + "\n")
    if options.write_docs:
        write_between(DOCS, "gpu", text)
    print(f"{time.perf_counter() - started:.0f} s in all\n\n{text}", flush=True)


def parser() -> argparse.ArgumentParser:
    known = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="cpu is for trying the script")
    known.add_argument("--shape", nargs="+", choices=("8B", "2B", "tiny"), help="models, first the most important")
    known.add_argument("--budget-s", type=float, default=480, help="what does not fit is left out (480)")
    known.add_argument("--rows", type=int, metavar="N", help="only the N most important rows of each model")
    known.add_argument("--repeats", type=int, default=3, help="measurements of each row (3)")
    known.add_argument("--json", type=Path, metavar="FILE", help="also write the figures here")
    known.add_argument("--write-docs", action="store_true", help=f"write the table into docs/{DOCS.name}")
    return known


if __name__ == "__main__":
    main()
