"""Accepting a batch: look at its manifest, keep it, commit one row, tell the reader.

The order is the promise, as with an inspection: the manifest is in the bucket before the row is committed, and what a
crash leaves behind is at worst an object that nobody refers to, which the bucket's lifecycle removes.
"""

import hashlib
import io
import json
from dataclasses import dataclass

from batches.contract import ManifestInput
from batches.manifest import count_lines
from batches.records import BatchRecords, NewBatch
from batches.sources import ReadManifest
from core.batch_objects import BatchObjects, split_lines
from core.batch_queue import BatchQueue, tell
from core.batches import manifest_key
from core.database import DuplicateKey
from core.errors import IdempotencyConflict, Unavailable
from core.identifiers import new_identifier
from core.usage import INSPECT, Allowance

MANIFEST_TYPE = "application/jsonl"


@dataclass(frozen=True)
class Acceptance:
    """The batch that the request led to; `stored` is what it stored, None where an earlier request was first."""

    batch_id: str
    stored: NewBatch | None


class AcceptBatch:
    """Turns a valid request into an accepted batch."""

    def __init__(
        self, records: BatchRecords, objects: BatchObjects, queue: BatchQueue, read_manifest: ReadManifest
    ) -> None:
        self._read_manifest = read_manifest
        self._records = records
        self._objects = objects
        self._queue = queue

    def __call__(
        self, request: ManifestInput, client_id: str, allowance: Allowance, idempotency_key: str | None
    ) -> Acceptance:
        """Quotas and places are asked for line by line, later.

        Raises InvalidManifest, ManifestTooLarge, UnknownUpload, UnsafeAddress, IdempotencyConflict, NotOnPlan,
        TooManyRunning, Unavailable; in every case nothing was accepted.
        """
        fingerprint = hashlib.sha256(json.dumps(request.model_dump(), sort_keys=True).encode()).digest()
        if idempotency_key is not None and (earlier := self._earlier(client_id, idempotency_key, fingerprint)):
            return earlier
        allowance.check(INSPECT, units=0, places=0)
        content, field = self._read_manifest(request, client_id)
        batch_id = new_identifier("batch")
        batch = NewBatch(
            batch_id=batch_id,
            client_id=client_id,
            idempotency_key=idempotency_key,
            request_hash=fingerprint,
            name=request.name,
            manifest_key=manifest_key(client_id, batch_id),
            line_count=count_lines(split_lines(iter([content])), field),
        )
        self._objects.put(batch.manifest_key, io.BytesIO(content), MANIFEST_TYPE)
        try:
            self._records.add(batch)
        except DuplicateKey as error:
            # The same key at the same moment: the other request was first.
            if idempotency_key is not None and (earlier := self._earlier(client_id, idempotency_key, fingerprint)):
                return earlier
            raise Unavailable("The request can't be stored at the moment.", retry_after_s=1) from error
        tell(self._queue, batch_id, client_id=client_id)
        return Acceptance(batch_id, batch)

    def _earlier(self, client_id: str, key: str, fingerprint: bytes) -> Acceptance | None:
        found = self._records.by_idempotency_key(client_id, key)
        if found is None:
            return None
        batch_id, its_fingerprint = found
        if its_fingerprint != fingerprint:
            raise IdempotencyConflict("This Idempotency-Key came with another request before.", field="Idempotency-Key")
        return Acceptance(batch_id, stored=None)
