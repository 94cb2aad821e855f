"""`/v1/batches`: many inspections by one request."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Header, Path, Query
from aws_lambda_powertools.utilities.typing import LambdaContext

from batches.accept import AcceptBatch
from batches.contract import Batch, BatchItemPage, BatchPage, BatchResults, ItemState, ManifestInput
from batches.presentation import present, present_accepted, present_item
from batches.records import BatchRecords
from batches.settings import Settings
from batches.sources import ManifestSources
from core import aws, front_door
from core.batch_objects import LINK_LASTS_S, BatchObjects, S3BatchObjects
from core.batch_queue import BatchQueue, SqsBatchQueue, tell
from core.batches import BatchState, results_key
from core.composition import open_database
from core.cursor import decode_cursor, encode_cursor
from core.database import Database, Row
from core.errors import AlreadyFinal, Conflict, NotFound, Unavailable
from core.identifiers import is_identifier
from core.observability import logger, metrics, traced
from core.photo_buckets import PhotoBuckets
from core.problem_responses import answer_with_problems, described_problems
from core.uploads import PhotoUploads
from core.usage import UsageRecords

app = APIGatewayRestResolver(enable_validation=True)
answer_with_problems(app)

PROBLEMS = described_problems(400, 401, 403, 404, 409, 413, 415, 429, 503)


@dataclass(frozen=True)
class Services:
    database: Database
    records: BatchRecords
    usage: UsageRecords
    objects: BatchObjects
    queue: BatchQueue
    accept: AcceptBatch


@cache
def services() -> Services:
    settings = Settings.from_environment(os.environ)
    database = open_database(settings.database)
    records = BatchRecords(database)
    objects = S3BatchObjects(aws.s3(), settings.bucket)
    queue = SqsBatchQueue(aws.sqs(), settings.spread_queue_url)
    read = ManifestSources(
        PhotoUploads(aws.s3(), settings.bucket),
        PhotoBuckets(aws.s3(), settings.photo_buckets, settings.photo_buckets_owner),
    )
    accept = AcceptBatch(records, objects, queue, read)
    return Services(database, records, UsageRecords(database), objects, queue, accept)


@app.post(
    "/v1/batches",
    summary="Have many inspections done, in the bulk lane",
    description="A manifest of up to 10,000 lines of JSON, each an inspection. What is wrong with one line is told by "
    "its item and stops no other. The same `Idempotency-Key` with the same request leads to the same batch.",
    responses={
        202: {
            "description": "Accepted and stored; ask again",
            "content": {"application/json": {"model": Batch}},
        },
        **PROBLEMS,
    },
    tags=["Batches"],
)
def create_batch(
    body: Annotated[ManifestInput, Body()],
    idempotency_key: Annotated[
        str | None, Header(alias="Idempotency-Key", min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$")
    ] = None,
) -> Response[str]:
    allowance = services().usage.allowance(_client_id())
    acceptance = services().accept(body, _client_id(), allowance, idempotency_key)
    metrics.add_metric("BatchesAccepted", "Count", 0 if acceptance.stored is None else 1)
    logger.append_keys(batch_id=acceptance.batch_id)
    try:
        shown = _presented(_own_batch(acceptance.batch_id))
    except Unavailable:
        if acceptance.stored is None:
            raise
        shown = present_accepted(acceptance.stored)  # it is committed, whoever can't be asked about it now
    return _json(202, shown.model_dump_json(), {"Location": f"/v1/batches/{acceptance.batch_id}"})


@app.get(
    "/v1/batches",
    summary="The client's batches, newest first",
    responses={200: {"description": "A page", "content": {"application/json": {"model": BatchPage}}}, **PROBLEMS},
    tags=["Batches"],
)
def list_batches(
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[str | None, Query(max_length=100)] = None,
) -> Response[str]:
    before = decode_cursor(cursor) if cursor is not None else None
    rows = services().records.page(_client_id(), before=before, limit=limit + 1)
    more = encode_cursor(rows[limit - 1]["sequence"]) if len(rows) > limit else None
    counted = services().records.counted(row["batch_id"] for row in rows[:limit])
    shown = [present(row, counted[row["batch_id"]]) for row in rows[:limit]]
    return _json(200, BatchPage(batches=shown, next_cursor=more).model_dump_json())


@app.get(
    "/v1/batches/<batch_id>",
    summary="One batch: its state and its counts",
    responses={
        200: {"description": "As it stands", "content": {"application/json": {"model": Batch}}},
        **PROBLEMS,
    },
    tags=["Batches"],
)
def get_batch(batch_id: Annotated[str, Path(max_length=100)]) -> Response[str]:
    return _json(200, _presented(_own_batch(batch_id)).model_dump_json())


@app.get(
    "/v1/batches/<batch_id>/items",
    summary="What has become of a batch's lines",
    description="Lines that are not read yet are not among them. `state` is an inspection's, or `refused` for lines "
    "that became none.",
    responses={200: {"description": "A page", "content": {"application/json": {"model": BatchItemPage}}}, **PROBLEMS},
    tags=["Batches"],
)
def list_items(
    batch_id: Annotated[str, Path(max_length=100)],
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str | None, Query(max_length=100)] = None,
    state: Annotated[ItemState | None, Query()] = None,
) -> Response[str]:
    after = decode_cursor(cursor, "after") if cursor is not None else 0
    own = _own_batch(batch_id)["batch_id"]
    rows = services().records.items(own, after=after, state=state, limit=limit + 1)
    more = encode_cursor(rows[limit - 1]["line"], "after") if len(rows) > limit else None
    page = BatchItemPage(items=[present_item(row) for row in rows[:limit]], next_cursor=more)
    return _json(200, page.model_dump_json())


@app.post(
    "/v1/batches/<batch_id>/cancel",
    summary="Cancel what is not final of a batch",
    description="No further line is read, and inspections that are not final are cancelled soon after. What is final "
    "stays. A batch that was cancelled before answers the same again, one that is finished 409.",
    responses={
        200: {"description": "As it stands now", "content": {"application/json": {"model": Batch}}},
        **PROBLEMS,
    },
    tags=["Batches"],
)
def cancel_batch(batch_id: Annotated[str, Path(max_length=100)]) -> Response[str]:
    own = _own_batch(batch_id)["batch_id"]
    if services().records.cancel(_client_id(), own):
        tell(services().queue, own, client_id=_client_id())
        metrics.add_metric("BatchesCancelled", "Count", 1)
    batch = _own_batch(own)
    if batch["state"] == BatchState.FINISHED:
        raise AlreadyFinal("The batch is finished, and what is final stays as it is.")
    return _json(200, _presented(batch).model_dump_json())


@app.get(
    "/v1/batches/<batch_id>/results",
    summary="Links to a batch's results",
    description="Once `finished_at` is set: one file of JSON Lines with every line's inspection whole, one of CSV.",
    responses={
        200: {"description": "Links", "content": {"application/json": {"model": BatchResults}}},
        **PROBLEMS,
    },
    tags=["Batches"],
)
def get_results(batch_id: Annotated[str, Path(max_length=100)]) -> Response[str]:
    batch = _own_batch(batch_id)
    if batch["finished_at"] is None:
        raise Conflict("The batch has no results yet; they are there once finished_at is set.")
    links = {
        kind: services().objects.link(
            results_key(_client_id(), batch["batch_id"], kind), f"{batch['batch_id']}-results.{kind}"
        )
        for kind in ("jsonl", "csv")
    }
    return _json(200, BatchResults(**links, expires_in_s=LINK_LASTS_S).model_dump_json())


@logger.inject_lambda_context(clear_state=True)
@traced
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return front_door.answer(app, event, context, services().database)


def _own_batch(batch_id: str) -> Row:
    row = services().records.find(_client_id(), batch_id) if is_identifier(batch_id, "batch") else None
    if row is None:
        raise NotFound("There is no such batch.")
    return row


def _presented(row: Row) -> Batch:
    batch_id = row["batch_id"]
    return present(row, services().records.counted([batch_id])[batch_id])


def _client_id() -> str:
    """From the front door's word alone, never from anything that the client sent."""
    return front_door.principal_of(app).client_id


def _json(status: int, body: str, headers: Mapping[str, str] | None = None) -> Response[str]:
    return Response(status_code=status, content_type="application/json", body=body, headers=dict(headers or {}))
