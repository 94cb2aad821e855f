"""Settings: typed, from a mapping, and a wrong one is named."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from archive.settings import Settings as ArchiveSettings
from authorizer.settings import Settings as AuthorizerSettings
from batches.settings import Settings as BatchesSettings
from core.settings import (
    DatabaseSettings,
    EndpointSettings,
    HotReadSettings,
    InvalidSetting,
    WorkerSettings,
    choice,
    local_places,
    number,
    text,
)
from descriptions.settings import Settings as DescriptionsSettings
from embeddings.settings import Settings as EmbeddingsSettings
from format.settings import Settings as FormatSettings
from inspections.settings import Settings as InspectionsSettings
from invoke.settings import Settings as InvokeSettings
from notify.settings import Settings as NotifySettings
from precheck.settings import Settings as PrecheckSettings
from reconcile.settings import Settings as ReconcileSettings
from retention.settings import Settings as RetentionSettings
from spread.settings import Settings as SpreadSettings
from sweeper.settings import Settings as SweeperSettings
from warmup.settings import Settings as WarmupSettings
from webhooks.settings import Settings as WebhooksSettings

DATABASE = {
    "DATABASE_HOST": "db",
    "DATABASE_PORT": "3306",
    "DATABASE_NAME": "scrutineer",
    "DATABASE_USER": "user",
    "DATABASE_AUTH": "password",
    "DATABASE_TLS": "false",
    "DATABASE_PASSWORD": "secret",
}
NOTIFY = {"NOTIFY_QUEUE_URL": "http://notify"}
WORKER = {"LEASE_S": "35", "MAX_ATTEMPTS": "5"} | NOTIFY
PRECHECK, INVOKE = (
    {f"{stage}_QUEUE_URL": f"http://{stage.lower()}", f"{stage}_BULK_QUEUE_URL": f"http://{stage.lower()}-bulk"}
    for stage in ("PRECHECK", "INVOKE")
)
SPREAD = {"SPREAD_QUEUE_URL": "http://spread"}
FORMAT = {"FORMAT_QUEUE_URL": "http://format"}
BUCKET = {"BUCKET": "photos"}
HOT = {"HOT_RESULTS_TABLE": "hot", "HOT_RESULTS_DAYS": "7"}
PHOTOS = {"PHOTO_BUCKETS": "a,b", "PHOTO_BUCKETS_OWNER": "1", "HTTPS_PHOTOS": "true", "OUTWARD_LOCAL": ""}
LIMITS = {"RUNNING_AT_ONCE": "15", "WAITING_AT_ONCE": "5", "BULK_AT_ONCE": "5"}
ENDPOINT = {"ENDPOINT": "http://model", "FALLBACK_ENDPOINT": ""}
HOURS = {"SERVICE_OPENS": "06:00", "SERVICE_CLOSES": "24:00", "SERVICE_TIMEZONE": "Asia/Kolkata"}
HOLDING = HOURS | {"CLOSING_TIME": "hold"}
SIGN_IN = {
    "JWT_ISSUER": "https://id.example/",
    "JWT_AUDIENCE": "scrutineer",
    "JWT_JWKS_URL": "https://id.example/jwks.json",
    "JWT_ALGORITHMS": "RS256,ES256",
    "HOT_READS": "none",
}
STAGES: list[tuple[Callable[[Mapping[str, str]], Any], dict[str, str]]] = [
    (AuthorizerSettings.from_environment, DATABASE | SIGN_IN),
    (InspectionsSettings.from_environment, DATABASE | HOURS | BUCKET | PHOTOS | PRECHECK | HOT | LIMITS | NOTIFY),
    (
        BatchesSettings.from_environment,
        DATABASE | BUCKET | SPREAD | {name: PHOTOS[name] for name in ("PHOTO_BUCKETS", "PHOTO_BUCKETS_OWNER")},
    ),
    (
        SpreadSettings.from_environment,
        DATABASE | HOURS | BUCKET | PHOTOS | PRECHECK | SPREAD | NOTIFY | {"LEASE_S": "70"},
    ),
    (PrecheckSettings.from_environment, DATABASE | WORKER | HOLDING | BUCKET | PRECHECK | INVOKE),
    (InvokeSettings.from_environment, DATABASE | WORKER | HOLDING | BUCKET | INVOKE | FORMAT | ENDPOINT),
    (NotifySettings.from_environment, DATABASE | {"LEASE_S": "75", "OUTWARD_LOCAL": ""}),
    (WebhooksSettings.from_environment, DATABASE | NOTIFY | {"OUTWARD_LOCAL": ""}),
    (EmbeddingsSettings.from_environment, DATABASE | ENDPOINT),
    (DescriptionsSettings.from_environment, DATABASE | ENDPOINT),
    (WarmupSettings.from_environment, DATABASE | HOURS | {"ENDPOINT": "http://model"}),
    (RetentionSettings.from_environment, DATABASE | BUCKET),
    (ArchiveSettings.from_environment, DATABASE | BUCKET | HOT | {"ARCHIVE_AFTER_S": "10"}),
    (ReconcileSettings.from_environment, DATABASE | {"STACK_NAME": "s", "API_ID": "a", "API_STAGE": "dev"}),
    (FormatSettings.from_environment, DATABASE | WORKER | BUCKET | FORMAT | HOT),
    (
        SweeperSettings.from_environment,
        DATABASE
        | PRECHECK
        | INVOKE
        | FORMAT
        | SPREAD
        | NOTIFY
        | HOURS
        | {"SWEEP_AFTER_S": "30", "MAX_ATTEMPTS": "5", "HELD_PER_MINUTE": "120"},
    ),
]


class RecordedReads(Mapping[str, str]):
    """A mapping that remembers which of its names were asked for."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.read.add(name)
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


@pytest.mark.parametrize(("from_environment", "env"), STAGES)
def test_stage_reads_just_its_own_names(
    from_environment: Callable[[Mapping[str, str]], Any], env: dict[str, str]
) -> None:
    recorded = RecordedReads(env | {"SOMETHING_ELSE": "x"})
    from_environment(recorded)
    assert recorded.read == set(env)


@pytest.mark.parametrize(
    ("from_environment", "env", "missing"), [(make, env, name) for make, env in STAGES for name in env]
)
def test_missing_setting_is_named(
    from_environment: Callable[[Mapping[str, str]], Any], env: dict[str, str], missing: str
) -> None:
    with pytest.raises(InvalidSetting, match=rf"^{missing} is not set$"):
        from_environment({name: value for name, value in env.items() if name != missing})


@pytest.mark.parametrize("value", ["", "x", "-1", "1.5", " 1", "0", "٣", "1_0"])
def test_malformed_number_is_named(value: str) -> None:
    with pytest.raises(InvalidSetting, match=r"^LEASE_S must be a whole number of at least 1"):
        WorkerSettings.from_environment(WORKER | {"LEASE_S": value})


def test_malformed_choice_is_named_with_what_it_may_be() -> None:
    with pytest.raises(InvalidSetting, match=r"^DATABASE_TLS must be one of true, false, not 'yes'$"):
        DatabaseSettings.from_environment(DATABASE | {"DATABASE_TLS": "yes"})


def test_values_are_typed() -> None:
    settings = DatabaseSettings.from_environment(DATABASE)
    assert (settings.port, settings.tls, settings.password) == (3306, False, "secret")
    assert WorkerSettings.from_environment(WORKER) == WorkerSettings(35, 5, "http://notify")


def test_iam_needs_no_password() -> None:
    env = {name: value for name, value in DATABASE.items() if name != "DATABASE_PASSWORD"}
    recorded = RecordedReads(env | {"DATABASE_AUTH": "iam"})
    assert DatabaseSettings.from_environment(recorded).password == ""
    assert "DATABASE_PASSWORD" not in recorded.read


def test_endpoint_is_a_sagemaker_name_or_an_address() -> None:
    env = {"ENDPOINT": "sagemaker:internvl", "FALLBACK_ENDPOINT": "https://model/"}
    assert EndpointSettings.from_environment(env) == EndpointSettings("sagemaker", "internvl")
    assert EndpointSettings.from_environment({"ENDPOINT": "sagemaker:internvl/inspect"}) == EndpointSettings(
        "sagemaker", "internvl", "inspect"
    )
    assert EndpointSettings.from_environment({"ENDPOINT": "sagemaker-async:internvl"}) == EndpointSettings(
        "asynchronous", "internvl"
    )
    assert EndpointSettings.optional_from_environment(env, "FALLBACK_ENDPOINT") == EndpointSettings(
        "url", "https://model/"
    )
    assert EndpointSettings.optional_from_environment({"FALLBACK_ENDPOINT": ""}, "FALLBACK_ENDPOINT") is None


def test_hot_reads_are_off_without_a_table() -> None:
    assert HotReadSettings.from_environment(HOT) == HotReadSettings("hot", 7)
    assert HotReadSettings.from_environment(HOT | {"HOT_RESULTS_TABLE": ""}) is None


@pytest.mark.parametrize(
    "value",
    [
        "sagemaker:",
        "sagemaker:/",
        "sagemaker:a/",
        "sagemaker:/b",
        "sagemaker:a/b/c",
        "sagemaker-async:",
        "sagemaker-async:a/b",
        "internvl",
        "ftp://model",
        " http://model",
    ],
)
def test_malformed_endpoint_is_named(value: str) -> None:
    with pytest.raises(InvalidSetting, match=r"^ENDPOINT must be sagemaker:NAME, sagemaker:NAME/COMPONENT, "):
        EndpointSettings.from_environment({"ENDPOINT": value})


def test_endpoint_that_must_be_there() -> None:
    with pytest.raises(InvalidSetting, match=r"^ENDPOINT is empty$"):
        EndpointSettings.from_environment({"ENDPOINT": ""})


def test_readers_return_what_is_set() -> None:
    env = {"A": "1", "B": "two"}
    assert (text(env, "B"), number(env, "A"), choice(env, "B", ("one", "two"))) == ("two", 1, "two")


def test_local_places_are_ports_of_this_machine() -> None:
    assert local_places({"X": ""}, "X") == frozenset()
    assert local_places({"X": "127.0.0.1:80,127.0.0.1:8443"}, "X") == {("127.0.0.1", 80), ("127.0.0.1", 8443)}


@pytest.mark.parametrize(
    "value", ["10.0.0.1:80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:x", "localhost:80"]
)
def test_local_places_are_nothing_else(value: str) -> None:
    with pytest.raises(InvalidSetting, match="X must be empty"):
        local_places({"X": value}, "X")
