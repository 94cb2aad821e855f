"""The note that `up` leaves for other commands."""

import stat
from pathlib import Path

from scrutineer.running_stack import RunningStack, announced, find


def test_is_there_for_its_owner_while_the_stack_runs(tmp_path: Path) -> None:
    file, running = tmp_path / "new" / "stack.json", RunningStack("http://127.0.0.1:1/dev", "scr_key")
    with announced(running, file):
        assert find(file) == running
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert find(file) is None


def test_a_note_of_a_stack_that_died_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "stack.json"
    file.write_text("{")
    assert find(file) is None
    with announced(RunningStack("u", "k"), file):
        assert find(file) == RunningStack("u", "k")
