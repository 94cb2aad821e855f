"""The objectives' alarms, played on made-up days: what burns the error budget is told in time, and nothing else is."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest

from core.end_metrics import IN_TIME_S
from tests.unit.infrastructure.alarms import alarms, looked_at

BUDGETS = {"inspections": 0.005, "api": 0.001}
HOUR, DAY = 60, 24 * 60
MONTH = 30 * DAY

# Events and bad ones of each minute.
Series = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Window:
    """One alarm: the mean over a sliding window against a threshold, once there are enough events in it."""

    minutes: int
    threshold: float
    least_events: int


@dataclass(frozen=True)
class Objective:
    """`rules`: each composite alarm, as an OR of windows that must all be breached."""

    windows: Mapping[str, Window]
    rules: Mapping[str, Sequence[Sequence[str]]]

    def told(self, series: Series, every: int = 1) -> dict[str, list[int]]:
        """After which minutes each composite alarm is on, looked at every so many; nothing went before the series."""
        events = [0.0, *accumulate(each for each, _ in series)]
        bad = [0.0, *accumulate(each for _, each in series)]

        def breached(name: str, now: int) -> bool:
            window = self.windows[name]
            start = max(0, now - window.minutes)
            seen = events[now] - events[start]
            return seen >= max(window.least_events, 1) and (bad[now] - bad[start]) / seen > window.threshold

        return {
            kind: [
                now
                for now in range(every, len(series) + 1, every)
                if any(all(breached(name, now) for name in each) for each in rule)
            ]
            for kind, rule in self.rules.items()
        }


def read(template: Mapping[str, Any], name: str) -> Objective:
    windows: dict[str, Window] = {}
    rules: dict[str, Sequence[Sequence[str]]] = {}
    for logical_id, resource in template["Resources"].items():
        properties = resource["Properties"]
        if not logical_id.startswith(name.title()):
            continue
        if "AlarmRule" in properties:
            kind = properties["AlarmName"]["Fn::Sub"].rpartition("-")[2]
            rules[kind] = [names_in(part) for part in properties["AlarmRule"]["Fn::Sub"].split(" OR ")]
        elif "Metrics" in properties:
            expression, *stats = properties["Metrics"]
            form = re.fullmatch(r"IF\(events < (\d+), 0, bad\)", expression["Expression"])
            assert form
            told = {each["Id"]: each["MetricStat"]["Stat"] for each in stats}
            assert told == {"events": "SampleCount", "bad": "Average"}
            (period,) = {each["MetricStat"]["Period"] for each in stats}
            windows[logical_id] = Window(period // 60, properties["Threshold"], int(form[1]))
        else:
            assert properties["Statistic"] == "Average"
            windows[logical_id] = Window(properties["Period"] // 60, properties["Threshold"], 0)
    return Objective(windows, rules)


def names_in(part: str) -> list[str]:
    one = r'ALARM\("\$\{(\w+)}"\)'
    assert re.fullmatch(rf"\(?{one}( AND {one})*\)?", part.strip()), part
    return re.findall(one, part)


@pytest.fixture(scope="module", params=sorted(BUDGETS))
def which(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def objective(nested: Mapping[str, Any], which: str) -> Objective:
    return read(nested["objectives.yaml"], which)


@pytest.fixture
def budget(which: str) -> float:
    return BUDGETS[which]


def steady(minutes: int, share: float, events: float = 20) -> list[tuple[float, float]]:
    return [(events, events * share)] * minutes


def test_thresholds_are_the_workbooks(objective: Objective, budget: float) -> None:
    """The Site Reliability Workbook, table 5-8: 2 % of a month's budget in 1 h, 5 % in 6 h, 10 % in 3 days."""
    long = [window for window in objective.windows.values() if window.least_events]
    burned = {window.minutes: round(window.threshold / budget * window.minutes / MONTH, 4) for window in long}
    assert burned == {HOUR: 0.02, 6 * HOUR: 0.05, 3 * DAY: 0.10}
    short = [(each.minutes, each.threshold) for each in objective.windows.values() if not each.least_events]
    assert sorted(short) == sorted((window.minutes // 12, window.threshold) for window in long)


def test_an_outage_is_told_within_minutes_and_over_soon_after_it(objective: Objective) -> None:
    fast = objective.told(steady(DAY, 0) + steady(15, 1) + steady(2 * HOUR, 0))["fast"]
    assert fast[0] - DAY <= 10
    assert DAY + 15 <= fast[-1] <= DAY + 15 + 30


def test_a_slow_burn_is_told_within_days_and_wakes_nobody(objective: Objective, budget: float) -> None:
    told = objective.told(steady(4 * DAY, 1.5 * budget), every=5)
    assert told["slow"]
    assert told["fast"] == []


def test_what_the_budget_allows_is_not_told(objective: Objective, budget: float) -> None:
    assert not any(objective.told(steady(4 * DAY, 0.9 * budget), every=5).values())


@pytest.mark.parametrize(("rate", "kind"), [(15, "fast"), (7, "fast"), (1.2, "slow")])
def test_each_rate_is_told_before_an_eighth_of_the_budget_is_gone(
    objective: Objective, budget: float, rate: float, kind: str
) -> None:
    told = objective.told(steady(4 * DAY, 0) + steady(4 * DAY, rate * budget), every=5)[kind]
    assert rate * (told[0] - 4 * DAY) / MONTH <= 1 / 8


def test_a_blip_wakes_nobody(objective: Objective, which: str) -> None:
    minutes = {"inspections": 4, "api": 0.8}[which]
    blip = steady(DAY, 0) + steady(1, minutes, events=20) + steady(DAY, 0)
    assert objective.told(blip)["fast"] == []


def test_few_events_prove_nothing(objective: Objective) -> None:
    night = [(0.0, 0.0)] * 300 + [(1.0, 1.0)] * 9 + [(0.0, 0.0)] * 300
    assert not any(objective.told(night).values())
    assert objective.told([(1.0, 1.0)] * 60)["fast"], "ten are enough"


def test_the_pages_table_is_what_the_alarms_have(nested: Mapping[str, Any], root: Path) -> None:
    page = (root / "docs" / "operate.md").read_text()
    share = r"([\d.]+) % \|"
    rows = re.findall(rf"^\| (?:fast|slow) \| ([\d.]+) \| .* \| [\d.]+ % \| {share} {share}$", page, re.MULTILINE)
    told = {tuple(round(float(each), 6) for each in row) for row in rows}
    late, failed = (
        {window.threshold for window in read(nested["objectives.yaml"], name).windows.values()}
        for name in ("inspections", "api")
    )
    made = {
        (round(one / BUDGETS["inspections"], 6), round(100 * one, 6), round(100 * other, 6))
        for one, other in zip(sorted(late), sorted(failed), strict=True)
    }
    assert told == made
    assert f"final within {IN_TIME_S} s" in page


def test_what_is_averaged_is_one_for_bad_and_nought_for_good(nested: Mapping[str, Any]) -> None:
    seen = {looked.name for alarm in alarms(nested["objectives.yaml"]).values() for looked in looked_at(alarm)}
    assert seen == {"InspectionsLate", "5XXError"}
