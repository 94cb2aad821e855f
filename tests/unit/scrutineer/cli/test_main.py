"""The command as a process: help, exit codes, and whose mistake it was."""

import os
import subprocess
import sys

import pytest


def scrutineer(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "scrutineer", *arguments],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "COLUMNS": "200", "NO_COLOR": "1", **environment},
        cwd=os.environ.get("TMPDIR", "/tmp"),
        check=False,
    )


@pytest.mark.parametrize("command", ["", "up", "inspect", "demo", "migrate", "bootstrap", "keys", "keys create"])
def test_every_command_has_help(command: str) -> None:
    done = scrutineer(*command.split(), "--help")
    assert done.returncode == 0
    assert "Usage" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["inspect", __file__, "--item", "x"], 1, "Where is the gateway?"),
        (["inspect", __file__, "--item", "x", "--url", "http://127.0.0.1:9"], 1, "SCRUTINEER_API_KEY"),
        (["inspect", __file__, "--item", "x", "--url", "u", "--key", "k", "--attribute", "size"], 1, "name=value"),
        (["inspect", __file__, "--item", "x", "--url", "http://127.0.0.1:9", "--key", "k"], 1, "can't be reached"),
        (["inspect", "none.jpg", "--item", "x"], 2, "none.jpg"),
        (["up", "--model", "/"], 1, "config.json"),
        (["migrate", "--database", "mysql://a:secret@127.0.0.1:9/n"], 1, "can't be reached"),
        (["bootstrap", "--client", "c", "--database", "nonsense"], 1, "mysql://"),
        (["bootstrap", "--client", "c", "--database", "mysql://a:secret@127.0.0.1:9/n"], 1, "not reachable"),
    ],
)
def test_a_mistake_of_the_users_is_one_line_and_no_traceback(arguments: list[str], code: int, words: str) -> None:
    done = scrutineer(*arguments)
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert "secret" not in done.stderr
