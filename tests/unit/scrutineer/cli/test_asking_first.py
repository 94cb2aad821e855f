"""A person at a terminal is shown what would change, and must type a word before it does."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.scrutineer.cli.admin_api import CLIENT_ID, AdminApi

PATH = f"/v1/admin/clients/{CLIENT_ID}"


def typed(answer: str, url: str, folder: Path, *options: str) -> tuple[int, str]:
    """`clients disable` with a terminal for its standard input, at which `answer` is typed."""
    terminal, its_end = pty.openpty()
    try:
        os.write(terminal, answer.encode())
        done = subprocess.run(
            [sys.executable, "-m", "scrutineer", "clients", "disable", CLIENT_ID, *options],
            stdin=its_end,
            capture_output=True,
            text=True,
            timeout=30,
            cwd=folder,
            env={"PATH": os.environ["PATH"], "SCRUTINEER_URL": url, "SCRUTINEER_API_KEY": "scr_x", "NO_COLOR": "1"},
            check=False,
        )
    finally:
        os.close(its_end)
        os.close(terminal)
    return done.returncode, done.stderr


def test_the_right_word_does_it(api: AdminApi, url: str, tmp_path: Path) -> None:
    code, said = typed("disable\n", url, tmp_path)
    assert code == 0, said
    assert "plan          standard  gold" in said
    assert f"Turn away all that {CLIENT_ID} sends? Type disable to go on: " in said
    assert api.requests == [
        ("PATCH", PATH, {"dry_run": "true"}, {"disabled": True}),
        ("PATCH", PATH, {}, {"disabled": True}),
    ]


@pytest.mark.parametrize("answer", ["\n", "yes\n", "Disable\n", "\x04"])
def test_any_other_answer_does_nothing(answer: str, api: AdminApi, url: str, tmp_path: Path) -> None:
    code, said = typed(answer, url, tmp_path)
    assert code == 1
    assert "Error: Nothing was changed." in said
    assert [request[2] for request in api.requests] == [{"dry_run": "true"}]


def test_yes_asks_nobody(api: AdminApi, url: str, tmp_path: Path) -> None:
    code, said = typed("", url, tmp_path, "--yes")
    assert (code, said) == (0, "")
    assert [request[2] for request in api.requests] == [{}]
