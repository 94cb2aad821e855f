"""An inspection as a person wants to read it."""

from typing import Any

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

COLOURS = {"passed": "green", "failed": "red", "review": "yellow", "rejected": "yellow", "error": "red"}
MARKS = {"met": "✓", "not_met": "✗", "unsure": "?", "recorded": "·"}
MARK_COLOURS = {"met": "green", "not_met": "red", "unsure": "yellow", "recorded": "default"}


def show(console: Console, inspection: dict[str, Any]) -> None:
    """Print the verdict, every answer with its probability, every photo's quality, and where the time went."""
    state = inspection["state"]
    title = Text(f" {state.upper()} ", style=f"bold reverse {COLOURS.get(state, 'default')}")
    parts: list[RenderableType] = [
        Text(f"{inspection['item']['description']}  ·  {inspection['checklist']['name']}  ·  {inspection['id']}"),
    ]
    if inspection["verdict"]:
        parts += [_answers(inspection["verdict"]["answers"])]
        parts += [Text(f"→ {reason}") for reason in inspection["verdict"]["reasons"]]
    if inspection["failure"]:
        parts += [Text(f"→ {inspection['failure']['detail']}", style="bold yellow")]
    if inspection["held_until"]:
        parts += [Text(f"→ Held until the service opens, {inspection['held_until']}", style="bold yellow")]
    parts += [Text(""), _photos(inspection["photos"]), Text(""), _timings(inspection)]
    console.print(Panel(Group(*parts), title=title, title_align="left", padding=(1, 2)))


def _answers(answers: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("", "Question", "Answer", "Expected"):
        table.add_column(heading)
    table.add_column("Probability", justify="right")
    for answer in answers:
        table.add_row(
            Text(MARKS[answer["outcome"]], style=MARK_COLOURS[answer["outcome"]]),
            answer["text"],
            answer["answer"],
            answer["expected"] or "–",
            f"{answer['probability']:.1%}",
        )
    return table


def _photos(photos: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("")
    table.add_column("Photo", no_wrap=True)
    for heading in ("Size", "Score", "Sharp", "Bright", "Contrast", "Tilt"):
        table.add_column(heading, justify="right", no_wrap=True)
    for photo in photos:
        name, quality = photo["name"] or str(photo["index"] + 1), photo["quality"]
        if quality is None:
            table.add_row("·", name)
            continue
        usable = quality["verdict"] == "usable"
        checks = {check["name"]: check for check in quality["checks"]}
        table.add_row(
            Text("✓" if usable else "✗", style="green" if usable else "red"),
            name,
            f"{photo['width']}×{photo['height']}",
            f"{quality['score']:.2f}",
            *(_value(checks.get(name)) for name in ("sharpness", "brightness", "contrast", "tilt")),
        )
    return table


def _value(check: dict[str, Any] | None) -> Text:
    if check is None:
        return Text("–")
    return Text(f"{check['value']:.0f}", style="default" if check["passed"] else "bold red")


def _timings(inspection: dict[str, Any]) -> Text:
    timings: dict[str, float] = inspection["timings_ms"]
    stages = [f"{stage} {timings[stage]:.0f} ms" for stage in ("precheck", "invoke", "format") if stage in timings]
    inside = [
        f"{name.removeprefix('endpoint_')} {value:.0f}"
        for name, value in timings.items()
        if name.startswith("endpoint_")
    ]
    total = [f"{timings['total']:.0f} ms"] if "total" in timings else []
    line = "Time: " + "  =  ".join(["  +  ".join(stages)] * bool(stages) + total)
    if inside:
        line += f"\nInside the endpoint (ms): {', '.join(inside)}"
    if inspection["verdict"]:
        model = inspection["verdict"]["model"]
        served_by = inspection["verdict"]["served_by"]
        line += f"\nModel: {model['name']} {model['version']} ({model['digest'][:19]}), {served_by}"
    if inspection["reused_from"]:
        line += f"\nThe verdict of {inspection['reused_from']}, reused."
    return Text(line, style="dim")
