"""`scrutineer batch`: what is sent is what the contract takes, photos on this machine included."""

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from batches.contract import Batch, BatchItemPage, BatchPage, ManifestInput
from scrutineer.cli.batch import key_of
from scrutineer.manifest import read_manifest
from tests.unit.scrutineer.cli.admin_api import AdminApi
from tests.unit.scrutineer.cli.conftest import Command

BATCH_ID = "batch_aaaaaaaaaaaaaaaaaaaaaaaaaa"
AT = "2026-11-21T09:30:00Z"


def batch(state: str = "accepted", final: int = 0) -> dict[str, Any]:
    ended = state in ("finished", "cancelled")
    counts = {"lines": 3, "read": 3, "refused": 1, "unfinished": 2 - final, "final": final, "by_state": {}}
    shown = Batch.model_validate(
        {
            "id": BATCH_ID,
            "name": "night",
            "state": state,
            "counts": counts,
            "progress": (1 + final) / 3,
            "created_at": AT,
            "finished_at": AT if ended else None,
        }
    )
    return shown.model_dump(mode="json")


def answering(api: AdminApi, *answers: Any) -> None:
    """Have the gateway answer with these, one after the other, the last one again and again."""
    left = list(answers)

    def answer(method: str, path: str, query: Any) -> Response:
        content = left.pop(0) if len(left) > 1 else left[0]
        return content if isinstance(content, Response) else JSONResponse(content)

    api.other = answer


def test_photos_on_this_machine_go_into_their_lines(command: Command, api: AdminApi, tmp_path: Path) -> None:
    answering(api, batch())
    folder = tmp_path / "night"
    folder.mkdir()
    (folder / "front.jpg").write_bytes(b"\xff\xd8\xff")
    lines = [
        json.dumps({"custom_id": "å", "photos": [{"path": "front.jpg"}, {"upload_id": "upl_x"}, {"data": "QUJD"}]}),
        '{"path": broken',
        json.dumps({"item": {"description": '"path"'}}),
    ]
    (folder / "night.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    done = command("batch", "submit", str(folder / "night.jsonl"), "--name", "night", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out) == batch()
    ((method, path, _, body),) = api.requests
    assert (method, path) == ("POST", "/v1/batches")
    sent = ManifestInput.model_validate(body)
    assert sent.name == "night"
    assert sent.manifest is not None
    first, *others = sent.manifest.split("\n")
    assert others == [*lines[1:], ""]
    photo, upload, inline = json.loads(first)["photos"]
    assert (photo["name"], base64.b64decode(photo["data"]), "path" in photo) == ("front.jpg", b"\xff\xd8\xff", False)
    assert (upload, inline) == ({"upload_id": "upl_x"}, {"data": "QUJD"})
    assert json.loads(first)["custom_id"] == "å"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"photos": [{"path": "nowhere.jpg"}]}', "Line 1: "),
        (b"\xff\xfe", "is not UTF-8"),
        (b"x" * 6_000_000, "larger than one request may be"),
        (b'{"photos": [{"path": "."}]}', "is no file"),
    ],
)
def test_what_can_not_be_sent_is_told_here(
    command: Command, api: AdminApi, tmp_path: Path, content: bytes, said: str
) -> None:
    (tmp_path / "m.jsonl").write_bytes(content)
    done = command("batch", "submit", "m.jsonl")
    assert (done.code, said in done.err.replace("\n", " ")) == (1, True), done.err
    assert api.requests == []


@pytest.mark.parametrize(("end", "code"), [("finished", 0), ("cancelled", 6)])
def test_waiting_ends_with_the_batch(
    command: Command, api: AdminApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str, code: int
) -> None:
    monkeypatch.setattr("scrutineer.batch_client.time.sleep", lambda seconds: None)
    answering(api, batch(), batch("running", 1), batch("running", 1), batch(end, 2))
    (tmp_path / "m.jsonl").write_text("{}")
    done = command("batch", "submit", "m.jsonl", "--wait", "--json")
    assert (done.code, json.loads(done.out)["state"]) == (code, end)
    assert "3/3" in done.err


def test_lists_follow_their_cursor(command: Command, api: AdminApi) -> None:
    item = {"inspection_id": None, "state": "refused", "code": "not_json", "detail": "Line 2 …", "custom_id": None}
    pages = [
        BatchItemPage.model_validate({"items": [item | {"line": line}], "next_cursor": cursor}).model_dump(mode="json")
        for line, cursor in ((2, "next"), (9, None))
    ]
    answering(api, *pages)
    done = command("batch", "items", BATCH_ID, "--state", "refused")
    assert done.code == 0, done.err
    assert [line.split()[0] for line in done.out.splitlines()[1:]] == ["2", "9"]
    answering(api, *pages)
    assert [json.loads(line)["line"] for line in command("batch", "items", BATCH_ID, "--json").out.splitlines()] == [
        2,
        9,
    ]
    answering(api, BatchPage.model_validate({"batches": [batch()], "next_cursor": None}).model_dump(mode="json"))
    assert BATCH_ID in command("batch", "list").out


def test_show_and_cancel(command: Command, api: AdminApi) -> None:
    answering(api, batch("cancelled"))
    for word, method, path in (("show", "GET", ""), ("cancel", "POST", "/cancel")):
        api.requests.clear()
        assert json.loads(command("batch", word, BATCH_ID, "--json").out)["state"] == "cancelled"
        assert api.requests[0][:2] == (method, f"/v1/batches/{BATCH_ID}{path}")


def test_results_are_fetched_whole_or_not_at_all(command: Command, api: AdminApi, url: str, tmp_path: Path) -> None:
    links = {"jsonl": f"{url}/bucket/a", "csv": f"{url}/bucket/b", "expires_in_s": 900}
    answering(api, links, Response(b'{"line": 1}\n'), Response(b"line\r\n1\r\n"))
    done = command("batch", "results", BATCH_ID, "--out", "results")
    assert done.code == 0, done.err
    folder = tmp_path / "results"
    assert (folder / f"{BATCH_ID}-results.jsonl").read_bytes() == b'{"line": 1}\n'
    assert (folder / f"{BATCH_ID}-results.csv").read_bytes() == b"line\r\n1\r\n"
    assert len(list(folder.iterdir())) == 2
    answering(api, links, Response(status_code=403))
    assert command("batch", "results", BATCH_ID, "--out", "later").code == 1
    assert list((tmp_path / "later").glob("*.jsonl")) == []


def test_photos_that_do_not_fit_are_uploaded_line_by_line(tmp_path: Path) -> None:
    for name, size in (("a.jpg", 3_000_000), ("b.jpg", 2_000_000), ("c.jpg", 1)):
        (tmp_path / name).write_bytes(name[:1].encode() * size)
    lines = [{"photos": [{"path": "a.jpg"}, {"path": "b.jpg", "name": "back"}]}, {"photos": [{"path": "c.jpg"}]}]
    (tmp_path / "m.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    uploaded: list[list[int]] = []

    def upload(photos: Sequence[bytes]) -> list[dict[str, Any]]:
        uploaded.append([len(photo) for photo in photos])
        return [{"upload_id": f"upl_{photo[:1].decode()}"} for photo in photos]

    first, second = read_manifest(tmp_path / "m.jsonl", upload).split("\n")
    assert uploaded == [[3_000_000, 2_000_000], [1]]
    assert json.loads(first)["photos"] == [
        {"name": "a.jpg", "upload_id": "upl_a"},
        {"name": "back", "upload_id": "upl_b"},
    ]
    assert json.loads(second)["photos"] == [{"name": "c.jpg", "upload_id": "upl_c"}]


def test_the_same_file_has_the_same_key(tmp_path: Path) -> None:
    file = tmp_path / "m.jsonl"
    keys = []
    for content, name in (("{}", "a"), ("{}", "a"), ("{} ", "a"), ("{}", "b")):
        file.write_text(content)
        keys.append(key_of(name, file))
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3
