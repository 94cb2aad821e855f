"""In the minutes before opening the endpoint is asked about a drawn photo until it answers.

An endpoint that scales to zero starts at the first call that it fails, which takes minutes, and these should not be the
first clients'. Once it answers it is asked again each minute until opening, so that it does not go back to sleep.
"""

import base64
import io
import json
from collections.abc import Callable

from core.checklists import Question
from core.endpoint import Endpoint, EndpointRefused
from core.errors import Unavailable
from core.identifiers import new_identifier
from core.model_answer import checked
from core.observability import logger
from core.service import Service

WARM_BEFORE_S = 600
PAUSE_S = 5
CALL_TAKES_S = 75  # no call is begun that the function's own time could cut off
SIDE_PX = 448
QUESTION = Question(
    id="warm", text="Is the photo dark?", answers=("yes", "no"), expected=None, required=False, review_below=0
)


def warm(
    service: Service, endpoint: Endpoint, left_s: Callable[[], float], sleep: Callable[[float], None]
) -> bool | None:
    """Whether the endpoint answered; None where there was no need to ask. `left_s` is the time that this round has."""
    standing = service.standing()
    if standing.open or standing.opens_in_s > WARM_BEFORE_S:
        return None
    body = _body()
    while left_s() >= CALL_TAKES_S:
        try:
            checked(endpoint.invoke(body, new_identifier("warm")).data, [QUESTION])
        except Unavailable as error:
            logger.info("the endpoint is not warm yet", code=error.code)
            sleep(PAUSE_S)
        except EndpointRefused as error:
            logger.error("the endpoint refuses the warm-up", detail=error.detail)
            return False
        else:
            return True
    return False


def _body() -> bytes:
    """The smallest inspection by the container's contract: one photo, one question."""
    from PIL import Image

    photo = io.BytesIO()
    Image.linear_gradient("L").resize((SIDE_PX, SIDE_PX)).convert("RGB").save(photo, "JPEG")
    return json.dumps(
        {
            "task": "inspect",
            "photos": [{"id": "0", "data": base64.b64encode(photo.getvalue()).decode()}],
            "item": {"description": "nothing"},
            "questions": [{"id": QUESTION.id, "text": QUESTION.text, "answers": list(QUESTION.answers)}],
            "explain": False,
        }
    ).encode()
