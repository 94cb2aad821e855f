"""examples/supabase stores what webhooks tell: the same states, and a column for each field that it writes."""

import re

from core.states import FINAL
from scrutineer.local.settings import ROOT

EXAMPLE = ROOT / "examples" / "supabase" / "supabase"
TABLE = next((EXAMPLE / "migrations").glob("*.sql")).read_text()
RECEIVE = (EXAMPLE / "functions" / "scrutineer-webhook" / "receive.ts").read_text()


def test_every_end_of_an_inspection_can_be_stored() -> None:
    checked = re.search(r"state in\s*\(([^)]*)\)", TABLE)
    assert checked is not None
    assert set(re.findall(r"'(\w+)'", checked[1])) == {state.value for state in FINAL}


def test_what_is_written_has_its_column() -> None:
    written = re.search(r"interface Result \{(.*?)\n\}", RECEIVE, re.DOTALL)
    assert written is not None
    columns = set(re.findall(r"^    (\w+)\s", TABLE, re.MULTILINE)) - {"create"}
    assert set(re.findall(r"^  (\w+):", written[1], re.MULTILINE)) | {"received_at"} == columns
