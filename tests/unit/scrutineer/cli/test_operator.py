"""`scrutineer bootstrap --stack` and `migrate --stack`: asked of the deployed function, by whoever may invoke it."""

import json
from collections.abc import Iterator

import pytest

from scrutineer.database_address import Connection
from tests.fakes.deployed_stack import STACK, DeployedStack, deployed
from tests.unit.scrutineer.cli.conftest import Command

KEY = "scr_" + "K" * 43
MADE = {"client_id": "client_1", "key_id": "key_1", "key": KEY}
BOOTSTRAP = ("bootstrap", "--client", "Operations")


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[DeployedStack]:
    with deployed() as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("SCRUTINEER_DATABASE", raising=False)
        yield running


def test_the_function_is_asked_and_the_key_shown_once(stack: DeployedStack, command: Command) -> None:
    stack.function = lambda event: MADE
    done = command(*BOOTSTRAP, "--stack", STACK, "--force")
    assert done.code == 0, done.err
    assert stack.events == [{"bootstrap": {"client": "Operations", "plan": "standard", "force": True}}]
    assert done.out.count(KEY) == 1
    assert KEY not in done.err
    assert json.loads(command(*BOOTSTRAP, "--stack", STACK, "--json").out) == MADE


def test_what_the_function_refuses_is_told_in_its_words(stack: DeployedStack, command: Command) -> None:
    stack.function = lambda event: {"problem": {"code": "conflict", "detail": "There is an admin already."}}
    done = command(*BOOTSTRAP, "--stack", STACK)
    assert (done.code, done.out) == (1, "")
    assert "There is an admin already." in done.err


def test_a_function_that_failed_is_told_without_its_message(stack: DeployedStack, command: Command) -> None:
    """What was raised may repeat what was asked."""
    stack.function = lambda event: None
    done = command(*BOOTSTRAP, "--stack", STACK)
    assert done.code == 1
    assert "MigrateFunction of scrutineer-dev failed (KeyError)" in " ".join(done.err.split())
    assert "hunter2" not in done.err


def test_a_stack_that_is_not_there_is_told(stack: DeployedStack, command: Command) -> None:
    done = command(*BOOTSTRAP, "--stack", "other")
    assert done.code == 1
    assert "Stack 'other' does not exist" in " ".join(done.err.split())
    assert stack.events == []


@pytest.mark.parametrize(("applied", "shown"), [(["0005_x", "0006_y"], "0005_x\n0006_y\n"), ([], "Nothing to do")])
def test_migrating_a_stack_shows_what_was_done(
    applied: list[str], shown: str, stack: DeployedStack, command: Command
) -> None:
    stack.function = lambda event: {"applied": applied}
    done = command("migrate", "--stack", STACK)
    assert (done.code, stack.events) == (0, [{"migrate": {}}])
    assert done.out.startswith(shown)


@pytest.mark.parametrize("words", [BOOTSTRAP, ("migrate",)])
def test_without_a_stack_or_a_database_it_is_asked_which(
    words: tuple[str, ...], stack: DeployedStack, command: Command
) -> None:
    done = command(*words)
    assert done.code == 1
    assert "Give --stack NAME" in done.err


def test_migrating_a_database_that_is_reached_from_here(empty_database: Connection, command: Command) -> None:
    done = command("migrate", "--database", empty_database.url, "--json")
    assert (done.code, json.loads(done.out)) == (0, {"applied": []})


def test_a_database_that_refuses_is_the_users_to_mend(empty_database: Connection, command: Command) -> None:
    done = command("migrate", "--database", empty_database.url.replace("scrutineerowner:", "nobody:"))
    assert done.code == 1
    assert "The database can't be reached" in done.err
