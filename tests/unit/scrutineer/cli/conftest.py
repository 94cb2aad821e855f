"""The command as `scrutineer` runs it, in this process, against an admin API on 127.0.0.1."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from scrutineer.cli.main import run
from scrutineer.local.http_server import HttpServer
from tests.unit.scrutineer.cli.admin_api import AdminApi

ADMIN_KEY = "scr_" + "A" * 43


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str


Command = Callable[..., Done]


@pytest.fixture(scope="session")
def _server() -> Iterator[tuple[AdminApi, str]]:
    api = AdminApi()
    server = HttpServer(api, name="admin-api")
    server.start()
    yield api, f"{server.url}/dev"
    server.stop()


@pytest.fixture
def api(_server: tuple[AdminApi, str]) -> AdminApi:
    _server[0].__init__()  # type: ignore[misc]
    return _server[0]


@pytest.fixture
def url(_server: tuple[AdminApi, str]) -> str:
    return _server[1]


@pytest.fixture
def command(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Words to what came of them; the address and key come from the environment."""
    monkeypatch.chdir(tmp_path)  # where no stack runs
    monkeypatch.setenv("SCRUTINEER_URL", url)
    monkeypatch.setenv("SCRUTINEER_API_KEY", ADMIN_KEY)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")

    def command(*words: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["scrutineer", *words])
        with pytest.raises(SystemExit) as ended:
            run()
        captured = capsys.readouterr()
        code = ended.value.code
        return Done(code if isinstance(code, int) else 0, captured.out, captured.err)

    return command
