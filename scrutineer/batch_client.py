"""The client's side of batches.

All raise RequestFailed for a problem, UserError for a gateway, or a link, that can't be reached.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx

from scrutineer.connection import GatewayClient, Json
from scrutineer.errors import UserError
from scrutineer.manifest import read_manifest
from scrutineer.photo_input import upload

LOOK_EVERY_S = 1.0
DOWNLOAD_TIMEOUT_S = 60


class BatchClient(GatewayClient):
    """One connection to one gateway with one key."""

    def submit(self, manifest: str, *, name: str | None = None, idempotency_key: str) -> Json:
        """The batch as it was accepted; the same key with the same manifest leads to the same batch."""
        body = {"manifest": manifest} if name is None else {"manifest": manifest, "name": name}
        headers = {"Idempotency-Key": idempotency_key}
        return self._connection.request("POST", "/v1/batches", json=body, headers=headers).content

    def read_manifest(self, path: Path) -> str:
        """A manifest on this machine, its photos in it or uploaded."""
        return read_manifest(path, lambda photos: upload(photos, self._connection))

    def batches(self) -> Iterator[Json]:
        """Newest first, asked for as they are needed."""
        return self._pages("/v1/batches", "batches", {"limit": "100"})

    def batch(self, batch_id: str) -> Json:
        return self._connection.request("GET", f"/v1/batches/{batch_id}").content

    def items(self, batch_id: str, state: str | None = None) -> Iterator[Json]:
        """In the manifest's order, asked for as they are needed."""
        params = {"limit": "1000"} if state is None else {"limit": "1000", "state": state}
        return self._pages(f"/v1/batches/{batch_id}/items", "items", params)

    def cancel(self, batch_id: str) -> Json:
        return self._connection.request("POST", f"/v1/batches/{batch_id}/cancel").content

    def wait(self, batch_id: str, looked: Callable[[Json], None], *, every_s: float = LOOK_EVERY_S) -> Json:
        """The batch once it has come to its end; `looked` hears of it at every look."""
        while True:
            batch = self.batch(batch_id)
            looked(batch)
            if batch["finished_at"] is not None:
                return batch
            time.sleep(every_s)

    def download(self, batch_id: str, folder: Path) -> list[Path]:
        """Both files of results, as `<batch_id>-results.jsonl` and `.csv`."""
        links = self._connection.request("GET", f"/v1/batches/{batch_id}/results").content
        return [_fetch(links[kind], folder / f"{batch_id}-results.{kind}") for kind in ("jsonl", "csv")]

    def _pages(self, path: str, field: str, params: dict[str, str]) -> Iterator[Json]:
        while True:
            page = self._connection.request("GET", path, params=params).content
            yield from page[field]
            if page["next_cursor"] is None:
                return
            params = {**params, "cursor": page["next_cursor"]}


def _fetch(link: str, path: Path) -> Path:
    """Written beside its place first, so that half a file never looks like a whole one."""
    partial = path.with_name(f"{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with (
            httpx.stream("GET", link, timeout=DOWNLOAD_TIMEOUT_S, trust_env=False) as answer,
            partial.open("wb") as file,
        ):
            if answer.is_error:
                raise UserError(f"The results can't be fetched: the bucket answers {answer.status_code}.")
            for chunk in answer.iter_bytes():
                file.write(chunk)
        partial.replace(path)
    except httpx.HTTPError as error:
        raise UserError(f"The results can't be fetched: {error}") from error
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from error
    return path
