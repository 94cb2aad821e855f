"""`/v1/embeddings`: texts, photos or both as vectors."""

import os
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.openapi.params import Body
from aws_lambda_powertools.utilities.typing import LambdaContext

from core import front_door
from core.composition import open_database
from core.database import Database
from core.endpoint import open_prompt_endpoint
from core.model_call import ModelCall
from core.observability import logger, metrics, traced
from core.problem_responses import answer_with_problems, described_problems
from core.usage import UsageRecords
from embeddings.contract import BatchInput, Embeddings, PhotosInput, TextsInput
from embeddings.embed import Embed
from embeddings.settings import Settings

app = APIGatewayRestResolver(enable_validation=True)
answer_with_problems(app)

RESPONSES: dict[int, Any] = {
    200: {"description": "Unit vectors", "content": {"application/json": {"model": Embeddings}}},
    **described_problems(400, 401, 403, 413, 415, 422, 429, 501, 502, 503),
}


@dataclass(frozen=True)
class Services:
    database: Database
    embed: Embed


@cache
def services() -> Services:
    settings = Settings.from_environment(os.environ)
    database = open_database(settings.database)
    endpoint = open_prompt_endpoint(settings.endpoint, settings.fallback)
    return Services(database, Embed(ModelCall(UsageRecords(database), endpoint)))


@app.post("/v1/embeddings/text", summary="Texts as vectors", responses=RESPONSES, tags=["Embeddings"])
def embed_texts(body: Annotated[TextsInput, Body()]) -> Response[str]:
    return _answer(services().embed.texts(_client_id(), body.texts))


@app.post("/v1/embeddings/image", summary="Photos as vectors", responses=RESPONSES, tags=["Embeddings"])
def embed_photos(body: Annotated[PhotosInput, Body()]) -> Response[str]:
    return _answer(services().embed.photos(_client_id(), body.photos))


@app.post(
    "/v1/embeddings/batch", summary="Texts and photos as vectors of one space", responses=RESPONSES, tags=["Embeddings"]
)
def embed_both(body: Annotated[BatchInput, Body()]) -> Response[str]:
    given = [each.text if each.text is not None else each.photo for each in body.inputs]
    return _answer(services().embed.both(_client_id(), [each for each in given if each is not None]))


@logger.inject_lambda_context(clear_state=True)
@traced
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return front_door.answer(app, event, context, services().database)


def _client_id() -> str:
    return front_door.principal_of(app).client_id


def _answer(found: Embeddings) -> Response[str]:
    return Response(status_code=200, content_type="application/json", body=found.model_dump_json())
