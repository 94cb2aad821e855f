"""The version of the functions before this one, as far as its rows differ."""

import json

from core.database import Transaction
from core.inspection_records import InspectionRecords, NewRequest
from tests.fakes.pipeline import Parts


class RecordsBeforeLanes(InspectionRecords):
    """Knows none of the columns that came with lanes."""

    def _insert(self, transaction: Transaction, request: NewRequest) -> None:
        transaction.execute(
            "INSERT INTO rvpxbverification_request_data (inspection_id, client_id, idempotency_key, request_hash,"
            " state, checklist, checklist_version, item, reference, photos, accepted_at, updated_at)"
            " VALUES (%s, %s, %s, %s, 'accepted', %s, %s, %s, %s, %s, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))",
            (
                request.inspection_id,
                request.client_id,
                request.idempotency_key,
                request.request_hash,
                request.checklist,
                request.checklist_version,
                json.dumps(request.item),
                request.reference,
                json.dumps(request.photos),
            ),
        )


BEFORE_LANES = Parts(inspection_records=RecordsBeforeLanes)
FROM_A_LATER_VERSION = {"lane_of_the_future": "express", "schema": 2, "trace": {"id": "x"}}
