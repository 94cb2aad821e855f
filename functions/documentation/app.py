"""`/v1/openapi.json` and `/v1/docs`: what the API is, for machines and for people; open to everyone."""

from pathlib import Path
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from core.observability import logger

OPENAPI = Path(__file__).parent / "openapi.json"
AN_HOUR = "public, max-age=3600"

app = APIGatewayRestResolver()


@app.get("/v1/openapi.json", summary="This API, for machines (OpenAPI)", tags=["Documentation"])
def openapi() -> Response[str]:
    return Response(
        status_code=200, content_type="application/json", body=OPENAPI.read_text(), headers={"Cache-Control": AN_HOUR}
    )


@app.get("/v1/docs", summary="This API, for people", tags=["Documentation"])
def page() -> Response[str]:
    return Response(status_code=200, content_type="text/html", body=_page(), headers={"Cache-Control": AN_HOUR})


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)


def _page() -> str:
    """Swagger UI with its script and style in the page itself: nothing is loaded from a third party."""
    from aws_lambda_powertools.event_handler.openapi import swagger_ui

    assets = Path(swagger_ui.__file__).parent
    return swagger_ui.generate_swagger_html(
        spec=OPENAPI.read_text().replace("</", "<\\/"),
        swagger_js=(assets / "swagger-ui-bundle.min.js").read_text(),
        swagger_css=(assets / "swagger-ui.min.css").read_text(),
        swagger_base_url="",
        oauth2_config=None,
    )
