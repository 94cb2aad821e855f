"""A local stack's first key, against a real database, and the models that it is started with."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

from scrutineer.cli.stack import BLIP2, CLIP, DESCRIPTIONS, EMBEDDINGS, INTERNVL, check_model, first_key
from scrutineer.cli.up import places, up
from scrutineer.database_address import Connection
from scrutineer.errors import UserError
from scrutineer.first_admin import make_first_admin
from scrutineer.local.function_pool import InvokeResult
from scrutineer.local.settings import StackSettings
from scrutineer.running_stack import RunningStack
from tests.unit.endpoint_container.checkpoints import write_blip2, write_clip


class Stack:
    """What is needed of one here; notes which keys the database held when the function was invoked."""

    logs = Path("logs")
    settings = StackSettings()
    services_url = "http://127.0.0.1:2"
    endpoint_url = None

    def __init__(self, database: Connection, *, error: str | None = None, left: int = 0) -> None:
        self.database = database
        self.functions = {"ReconcileFunction": None}
        self.invoked: list[tuple[str, Any, list[tuple[Any, ...]]]] = []
        self._error, self._left = error, left

    def invoke(self, function: str, event: Any) -> InvokeResult:
        if function == "MigrateFunction":
            made = make_first_admin(self.database, event["bootstrap"])
            return InvokeResult(json.dumps(made).encode(), None, cold=True)
        self.invoked.append((function, event, self.live()))
        return InvokeResult(json.dumps({"mended": 1, "left": self._left}).encode(), self._error, cold=True)

    def live(self) -> list[tuple[Any, ...]]:
        with self.database.open() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT client_id, hint, role FROM api_keys WHERE revoked_at IS NULL")
            return list(cursor.fetchall())


def test_the_records_follow_once_the_key_is_there(empty_database: Connection) -> None:
    stack = Stack(empty_database)
    key = first_key(stack)  # type: ignore[arg-type]
    ((function, event, held),) = stack.invoked
    assert (function, event) == ("ReconcileFunction", {})
    assert [row[1:] for row in held] == [(key[:8], "admin")]


def test_in_a_kept_folder_the_client_stays_and_the_last_key_ends(empty_database: Connection) -> None:
    stack = Stack(empty_database)
    first_key(stack)  # type: ignore[arg-type]
    ((client, _, _),) = stack.live()
    again = first_key(stack)  # type: ignore[arg-type]
    assert stack.live() == [(client, again[:8], "admin")]


@pytest.mark.parametrize("outcome", [{"error": "Unhandled"}, {"left": 1}])
def test_records_that_can_not_follow_are_told_and_no_key_is(
    empty_database: Connection, outcome: dict[str, Any]
) -> None:
    with pytest.raises(UserError, match="ReconcileFunction failed") as refused:
        first_key(Stack(empty_database, **outcome))  # type: ignore[arg-type]
    assert "scr_" not in str(refused.value)


def written(folder: Path, config: str) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text(config)
    return folder


@pytest.mark.parametrize(("write", "family"), [(write_clip, CLIP), (write_blip2, BLIP2)])
def test_a_folder_with_a_model_of_the_family(write: Callable[[Path], Path], family: str, tmp_path: Path) -> None:
    check_model(write(tmp_path), family)
    with pytest.raises(UserError, match=f"type '{family}', and 'internvl' is needed"):
        check_model(tmp_path, INTERNVL)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("{}", "type None"),
        ('{"model_type": ["clip"]}', "type "),
        ("[]", "type None"),
        ("{", "can't be read as JSON"),
    ],
)
def test_a_folder_with_another_config(config: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=said):
        check_model(written(tmp_path / "model", config), CLIP)


@pytest.mark.parametrize("folder", ["none", "."])
def test_a_folder_without_a_model(folder: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no model"):
        check_model(tmp_path / folder, CLIP)


class Recording:
    """A stack that only notes with what it would have started."""

    settings: list[StackSettings]

    def __init__(self, settings: StackSettings, progress: object) -> None:
        Recording.settings.append(settings)

    def __enter__(self) -> NoReturn:
        raise UserError("It would have started.")

    def __exit__(self, *_: object) -> None: ...


@pytest.fixture
def would_start(monkeypatch: pytest.MonkeyPatch) -> list[StackSettings]:
    Recording.settings = []
    monkeypatch.setattr("scrutineer.local.stack.LocalStack", Recording)
    return Recording.settings


def test_further_models_get_containers_wherever_their_folders_are_named_from(
    would_start: list[StackSettings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "clip", '{"model_type": "clip"}')
    written(tmp_path / "blip2", '{"model_type": "blip-2"}')
    with pytest.raises(UserError, match="would have started"):
        up(embedding_model=Path("clip"), description_model=Path("blip2"))
    (settings,) = would_start
    assert settings.further_models == {
        "EmbeddingEndpointUrl": tmp_path / "clip",
        "DescriptionEndpointUrl": tmp_path / "blip2",
    }
    parameters = re.findall(r"^  (\w+EndpointUrl):$", settings.template.read_text(), re.MULTILINE)
    assert set(settings.further_models) <= set(parameters)


def test_parameters_go_to_the_template(would_start: list[StackSettings]) -> None:
    with pytest.raises(UserError, match="would have started"):
        up(parameter=["ServiceOpens=06:00", "JwtAudience=a=b"])
    assert would_start[0].parameters == {"ServiceOpens": "06:00", "JwtAudience": "a=b"}


@pytest.mark.parametrize("given", [["ServiceOpens"], ["=06:00"], ["LogLevel=INFO", "LogLevel=DEBUG"]])
def test_parameters_are_names_with_a_value_once(given: list[str], would_start: list[StackSettings]) -> None:
    with pytest.raises(UserError, match="--parameter"):
        up(parameter=given)
    assert would_start == []


@pytest.mark.parametrize("option", ["model", "embedding_model", "description_model"])
def test_nothing_starts_with_a_model_of_another_family(
    option: str, would_start: list[StackSettings], tmp_path: Path
) -> None:
    other = written(tmp_path / "other", '{"model_type": "bert"}')
    with pytest.raises(UserError, match="bert"):
        up(**{option: other})  # type: ignore[arg-type]
    assert would_start == []


@pytest.mark.parametrize(
    ("way", "further_models", "embeddings", "descriptions"),
    [
        ("components", {}, "none; see --embedding-model", "by the endpoint's model"),
        ("components", {EMBEDDINGS: Path("/m/clip"), DESCRIPTIONS: Path("/m/blip2")}, "/m/clip", "/m/blip2"),
        ("asynchronous", {}, "none; see --embedding-model", "none; see --description-model"),
        ("asynchronous", {DESCRIPTIONS: Path("/m/blip2")}, "none; see --embedding-model", "/m/blip2"),
    ],
)
def test_up_says_which_model_does_what(
    way: str, further_models: dict[str, Path], embeddings: str, descriptions: str, empty_database: Connection
) -> None:
    stack = Stack(empty_database)
    stack.settings = StackSettings(further_models=further_models, parameters={"EndpointWay": way})
    told = places(stack, RunningStack("http://127.0.0.1:1/dev", "scr_k"))  # type: ignore[arg-type]
    assert (told["Embeddings"], told["Descriptions"]) == (embeddings, descriptions)
    assert (told["API key"], told["Logs"]) == ("scr_k", "logs")
