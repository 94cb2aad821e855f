"""Every function finds its code, its settings and its sample event, and its times fit those of its queue."""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from core.stage_handler import RENEWED_AT
from scrutineer.local.template import load_template

STAGES = [
    "authorizer",
    "inspections",
    "batches",
    "spread",
    "precheck",
    "invoke",
    "format",
    "archive",
    "notify",
    "webhooks",
    "embeddings",
    "descriptions",
    "sweeper",
    "warmup",
    "retention",
    "admin",
    "reconcile",
    "documentation",
    "migrate",
]

# Both values of what decides which resources there are.
MODES = [
    {},
    {"EndpointKind": "url", "EndpointUrl": "https://model.example/"},
    {"HotReads": "dynamodb"},
    {"PhotoBuckets": "first,second", "PhotoBucketsOwner": "123456789012"},
    {"EmbeddingSageMakerEndpoint": "clip", "DescriptionEndpointUrl": "https://blip.example/"},
    {"ManageApiGatewayAccount": "false", "ServiceOpens": "06:00"},
    {"AuthorizerReserved": "50", "InspectionsReserved": "50", "AuthorizerProvisioned": "2"},
]

# What every function's log lines say, read by core/observability.py.
LOGGED = {"SETTINGS_VERSION"}

# Prints what each stage's settings read, asked in a process of its own: a stage's name is a top-level package there.
READS = """
import json, sys
from importlib import import_module
from importlib.util import find_spec

class Recording(dict):
    def __init__(self, values):
        super().__init__(values)
        self.read = set()
    def __getitem__(self, name):
        self.read.add(name)
        return super().get(name, "1")  # one that is not set is told by the comparison, not by an error here
    def __contains__(self, name):
        self.read.add(name)
        return super().__contains__(name)
    def get(self, name, default=None):
        self.read.add(name)
        return super().get(name, default)

reads = {}
for stage, environments in json.load(sys.stdin).items():
    reads[stage] = []
    if find_spec(f"{stage}.settings"):
        for environment in environments:
            recording = Recording(environment)
            import_module(f"{stage}.settings").Settings.from_environment(recording)
            reads[stage] += sorted(recording.read)
json.dump(reads, sys.stdout)
"""


def test_no_log_level_hides_what_is_counted(source: Mapping[str, Any]) -> None:
    """Lambda drops lines below the level; a metric's names none, and so does what a function says that crashes."""
    assert set(source["Parameters"]["LogLevel"]["AllowedValues"]) <= {"TRACE", "DEBUG", "INFO"}


def test_stages_are_the_ones_known_here(functions: Mapping[str, Any]) -> None:
    assert sorted(functions) == sorted(STAGES)


@pytest.mark.parametrize("stage", STAGES)
def test_handler_exists(stage: str, source: Mapping[str, Any], root: Path) -> None:
    properties = source["Resources"][f"{stage.capitalize()}Function"]["Properties"]
    package, module, function = properties["Handler"].split(".")
    code = root / properties["CodeUri"] / package / f"{module}.py"

    assert package == stage
    assert re.search(rf"^(def {function}\(|{function} = )", code.read_text(), flags=re.MULTILINE)


@pytest.mark.parametrize("stage", STAGES)
def test_sample_event_exists(stage: str, root: Path) -> None:
    events = list((root / "events").glob(f"{stage}*.json"))
    assert events, f"no events/{stage}*.json"
    for event in events:
        assert isinstance(json.loads(event.read_text()), dict), event.name


@pytest.mark.parametrize("stage", STAGES)
def test_each_setting_is_set_and_each_one_set_is_read(
    stage: str, functions: Mapping[str, Any], settings_read: Mapping[str, set[str]]
) -> None:
    variables = set(functions[stage]["Environment"]["Variables"])
    ours = {name for name in variables if not name.startswith("POWERTOOLS_")}
    assert ours == settings_read[stage] | LOGGED


def test_no_function_in_aws_may_ask_its_own_machine(functions: Mapping[str, Any]) -> None:
    places = {
        stage: properties["Environment"]["Variables"]["OUTWARD_LOCAL"]
        for stage, properties in functions.items()
        if "OUTWARD_LOCAL" in properties["Environment"]["Variables"]
    }
    assert "inspections" in places
    assert set(places.values()) == {""}


def test_the_environment_is_read_by_settings_and_powertools_alone(root: Path) -> None:
    # Lambda itself sets its own names (AWS_LAMBDA_…).
    allowed = re.compile(
        rf'from_environment\(os\.environ\)|environ\.get\("(POWERTOOLS_|AWS_LAMBDA_|({"|".join(LOGGED)})")'
    )
    elsewhere = [
        f"{path.relative_to(root)}: {line.strip()}"
        for path in sorted((root / "functions").rglob("*.py"))
        for line in path.read_text().splitlines()
        if re.search(r"\benviron\b|\bgetenv\b", line) and not allowed.search(line)
    ]
    assert elsewhere == []


@pytest.mark.parametrize("stage", STAGES)
def test_each_setting_that_is_read_is_used(stage: str, root: Path) -> None:
    """One that nobody looks at is as good as unread."""
    folder = root / "functions" / stage
    settings = folder / "settings.py"
    fields = re.findall(r"^    (\w+): ", settings.read_text(), flags=re.MULTILINE) if settings.exists() else []
    code = "".join(path.read_text() for path in folder.rglob("*.py"))
    assert [name for name in fields if not re.search(rf"\.{name}\b", code)] == []


def test_visibility_timeout_is_six_times_the_functions(event_sources: list[tuple[Any, Any, Any]]) -> None:
    assert len(event_sources) == 7
    for _, function, queue in event_sources:
        assert queue["VisibilityTimeout"] >= 6 * function["Timeout"], function["Handler"]


def test_lease_outlasts_the_function_and_not_the_message(event_sources: list[tuple[Any, Any, Any]]) -> None:
    for _, function, queue in event_sources:
        lease_s = int(function["Environment"]["Variables"]["LEASE_S"])
        assert function["Timeout"] < lease_s < queue["VisibilityTimeout"], function["Handler"]


def test_messages_fail_one_by_one_and_concurrency_is_bounded(event_sources: list[tuple[Any, Any, Any]]) -> None:
    for mapping, function, _ in event_sources:
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"], function["Handler"]
        assert "MaximumConcurrency" in mapping["ScalingConfig"], function["Handler"]


def test_every_polled_queue_has_dead_letters_that_outlive_it(
    event_sources: list[tuple[Any, Any, Any]], resources: Mapping[str, Any]
) -> None:
    for _, function, queue in event_sources:
        dead_letters = resources[queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]]["Properties"]
        assert queue["RedrivePolicy"]["maxReceiveCount"] == 8 > RENEWED_AT, function["Handler"]
        assert dead_letters["MessageRetentionPeriod"] > queue["MessageRetentionPeriod"], function["Handler"]


def test_every_schedule_is_one_that_eventbridge_takes(resources: Mapping[str, Any]) -> None:
    expressions = [
        resource["Properties"]["ScheduleExpression"]
        for resource in resources.values()
        if "ScheduleExpression" in resource.get("Properties", {})
    ]
    assert expressions
    for expression in expressions:
        assert is_rate(expression) or is_cron(expression), expression


@pytest.mark.parametrize("expression", ["rate(1 minutes)", "rate(5 minute)", "rate(0 hours)", "rate(1 second)", "1"])
def test_rates_that_eventbridge_refuses(expression: str) -> None:
    assert not is_rate(expression)


@pytest.mark.parametrize(
    "expression", ["cron(0 6 * * *)", "cron(0 6 * * * *)", "cron(0 24 * * ? *)", "cron(0 6 ? * ? *)"]
)
def test_crons_that_eventbridge_refuses(expression: str) -> None:
    assert not is_cron(expression)


def test_every_time_zone_is_one(source: Mapping[str, Any], root: Path) -> None:
    config = tomllib.loads((root / "samconfig.toml").read_text())
    zones = {str(source["Parameters"]["ServiceTimezone"]["Default"])}
    for environment in ("dev", "prod"):
        chosen = dict(
            entry.split("=", 1) for entry in config[environment]["deploy"]["parameters"]["parameter_overrides"]
        )
        zones |= {value for name, value in chosen.items() if name.endswith("Timezone")}
    assert len(zones) > 1
    for zone in zones:
        assert ZoneInfo(zone).key == zone


@pytest.mark.parametrize("stage", STAGES)
def test_every_function_is_traced_and_logs_to_a_group_that_forgets(
    stage: str, functions: Mapping[str, Any], resources: Mapping[str, Any]
) -> None:
    assert functions[stage]["TracingConfig"] == {"Mode": "Active"}
    logging = functions[stage]["LoggingConfig"]
    assert logging["LogFormat"] == "JSON"
    group = resources[logging["LogGroup"]["Ref"]]["Properties"]
    assert group["RetentionInDays"] == {"Ref": "LogRetentionDays"}
    assert group["LogGroupName"] == {"Fn::Sub": f"/aws/lambda/${{AWS::StackName}}/{stage}"}


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: ",".join(f"{name}={value}" for name, value in mode.items()))
def test_every_mode_is_whole(mode: Mapping[str, str], root: Path) -> None:
    """Whatever is chosen, nothing that is there refers to what is not; the local stack's reader would stop at it."""
    template = load_template(root / "template.yaml", queues_url="http://127.0.0.1:1", parameters=mode)
    assert sorted(each.handler.split(".")[0] for each in template.functions.values()) == sorted(STAGES)


def test_functions_that_use_the_database_are_in_its_network(functions: Mapping[str, Any]) -> None:
    for stage, properties in functions.items():
        uses_database = "DATABASE_HOST" in properties["Environment"]["Variables"]
        assert uses_database == ("VpcConfig" in properties), stage


@pytest.fixture(scope="module")
def settings_read(functions: Mapping[str, Any], source: Mapping[str, Any], root: Path) -> Mapping[str, set[str]]:
    """The names that each stage's settings ask for, whichever kind of endpoint is chosen."""
    defaults = {name: str(each["Default"]) for name, each in source["Parameters"].items() if each.get("Default")}
    environments = {
        stage: [
            {
                name: plausible(name, value, kind, defaults)
                for name, value in properties["Environment"]["Variables"].items()
            }
            for kind in ("sagemaker", "url")
        ]
        for stage, properties in functions.items()
    }
    asked = subprocess.run(
        [sys.executable, "-c", READS],
        input=json.dumps(environments),
        cwd=root / "functions",
        capture_output=True,
        text=True,
        check=False,
    )
    assert asked.returncode == 0, asked.stderr
    return {stage: set(names) for stage, names in json.loads(asked.stdout).items()}


def plausible(name: str, value: Any, endpoint_kind: str, defaults: Mapping[str, str]) -> str:
    """A value such as the deployed function finds."""
    if isinstance(value, str):
        return value
    if name in ("ENDPOINT", "FALLBACK_ENDPOINT"):
        return "sagemaker:example" if endpoint_kind == "sagemaker" else "https://example.com/"
    if value.get("Ref") in defaults:
        return defaults[value["Ref"]]
    return "https://example.com/" if name.endswith(("_URL", "_ISSUER")) else "example"


def is_rate(expression: str) -> bool:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rate-expressions.html"""
    return re.fullmatch(r"rate\((1 (minute|hour|day)|([2-9]|[1-9]\d+) (minutes|hours|days))\)", expression) is not None


def is_cron(expression: str) -> bool:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cron-expressions.html"""
    fields = re.fullmatch(r"cron\((\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\)", expression)
    if fields is None or [fields[3], fields[5]].count("?") != 1:
        return False
    ranges = [(0, 59), (0, 23), (1, 31), (1, 12), (1, 7), (1970, 2199)]
    return all(
        least <= int(number) <= most
        for field, (least, most) in zip(fields.groups(), ranges, strict=True)
        for number in re.findall(r"(?<![/#\d])\d+", field)
    )
