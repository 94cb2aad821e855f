"""`/v1/uploads`: places for photos that are too large for a request."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body

from core.contract import Uploads, UploadsInput
from core.observability import metrics
from core.problem_responses import described_problems
from core.usage import INSPECT
from inspections.services import answer, client_id_of, new_router, services_of

router = new_router()


@router.post(
    "/v1/uploads",
    summary="Places to upload photos to",
    description="For photos that are together too large for a request, or are known before it. Post each as a form to "
    "its `url`, within 15 minutes, with `fields` and then the file as `file`; then name it by `upload_id`. Size and "
    "type are in the signature. An upload is there for a day at least, and can be named more than once.",
    responses={
        201: {"description": "Signed", "content": {"application/json": {"model": Uploads}}},
        **described_problems(400, 401, 403, 415, 429, 503),
    },
    tags=["Inspections"],
)
def create_uploads(body: Annotated[UploadsInput, Body()]) -> Response[str]:
    client_id = client_id_of(router)
    # Who may ask nothing today needs no place for photos.
    services_of(router).usage.allowance(client_id).check(INSPECT)
    media_types = body.media_types or ["image/jpeg"] * body.count
    opened = Uploads(uploads=services_of(router).uploads.open(client_id, media_types))
    metrics.add_metric("UploadsOpened", "Count", body.count)
    return answer(201, opened.model_dump_json())
