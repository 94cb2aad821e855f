"""The endpoint: a real container process behind SageMaker's API, and SageMaker's own errors."""

import json
import time

import httpx
import pytest
from botocore.exceptions import ClientError

from core.endpoint import EndpointUnavailable
from core.sagemaker_endpoint import SageMakerEndpoint
from scrutineer.local.aws_services import make_client
from scrutineer.local.http_server import HttpServer
from scrutineer.local.sagemaker_runtime import COMPONENT_HEADER, create_app
from scrutineer.local.stand_ins import COMPONENT_NAME, ENDPOINT_NAME


@pytest.fixture
def runtime(stack):
    return stack.client("sagemaker-runtime")


def invoke(runtime, name=ENDPOINT_NAME, component=COMPONENT_NAME, **asked):
    return runtime.invoke_endpoint(
        EndpointName=name,
        Body=json.dumps(asked).encode(),
        ContentType="application/json",
        CustomAttributes="trace-1",
        **({"InferenceComponentName": component} if component else {}),
    )


def test_an_answer(runtime, stack):
    answer = invoke(runtime)
    assert json.loads(answer["Body"].read()) == {"model": str(stack.settings.model_dir), "custom": "trace-1"}
    assert answer["InvokedProductionVariant"] == "primary"


@pytest.mark.parametrize(("status", "side"), [(400, "client"), (503, "server"), (500, "server")])
def test_an_error_of_the_container_is_a_model_error(runtime, status, side):
    with pytest.raises(runtime.exceptions.ModelError) as caught:
        invoke(runtime, status=status)
    response = caught.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert response["OriginalStatusCode"] == status
    assert "model" in response["OriginalMessage"]
    assert f"Received {side} error ({status}) from primary" in response["Error"]["Message"]


def test_an_unknown_endpoint(runtime):
    with pytest.raises(ClientError, match="not found") as caught:
        invoke(runtime, name="another")
    assert caught.value.response["Error"]["Code"] == "ValidationError"


@pytest.mark.parametrize(
    ("component", "told"), [("", "Component Name header is required"), ("another", "not find inference component")]
)
def test_an_endpoint_of_components_is_asked_for_one_of_them(runtime, component, told):
    with pytest.raises(ClientError, match=told) as caught:
        invoke(runtime, component=component)
    response = caught.value.response
    assert (response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]) == ("ValidationError", 400)


def test_an_endpoint_without_components_is_asked_for_none(stack):
    server = HttpServer(create_app(ENDPOINT_NAME, stack.endpoint_url), name="variants")
    server.start()
    url = f"{server.url}/endpoints/{ENDPOINT_NAME}/invocations"
    try:
        refused = httpx.post(url, json={}, headers={COMPONENT_HEADER: COMPONENT_NAME}, trust_env=False)
        answer = httpx.post(url, json={}, trust_env=False)
    finally:
        server.stop()
    assert (refused.status_code, refused.headers["x-amzn-errortype"]) == (400, "ValidationError")
    assert "header is not allowed" in refused.json()["message"]
    assert answer.status_code == 200


def test_an_endpoint_that_scales_from_zero_is_busy_until_it_answers(stack):
    app = create_app(ENDPOINT_NAME, stack.endpoint_url, component=COMPONENT_NAME, cold_start_s=0.5)
    server = HttpServer(app, name="sleeper")
    server.start()
    client = make_client("sagemaker-runtime", server.url)
    endpoint = SageMakerEndpoint(lambda _: client, ENDPOINT_NAME, component=COMPONENT_NAME)
    told = []
    try:
        give_up = time.monotonic() + 10
        while time.monotonic() < give_up:
            try:
                answered = endpoint.invoke(b"{}", "call_1")
                break
            except EndpointUnavailable as error:
                told.append((error.busy, error.attempted))
                time.sleep(0.05)
    finally:
        client.close()
        server.stop()
    assert len(told) >= 3
    assert set(told) == {(True, False)}
    assert json.loads(answered.data)["model"]


def test_a_too_large_payload(runtime):
    with pytest.raises(ClientError) as caught:
        invoke(runtime, padding="x" * (6 * 1024 * 1024))
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413


def test_a_slow_model(stack):
    server = HttpServer(create_app(ENDPOINT_NAME, stack.endpoint_url, model_limit_s=0.3), name="impatient")
    server.start()
    try:
        answer = httpx.post(f"{server.url}/endpoints/{ENDPOINT_NAME}/invocations", json={"sleep_s": 2}, trust_env=False)
    finally:
        server.stop()
    assert (answer.status_code, answer.headers["x-amzn-errortype"]) == (424, "ModelError")
    assert answer.json()["OriginalStatusCode"] == 0
    assert "timed out" in answer.json()["Message"]


def test_a_container_that_dies_and_comes_back(runtime, stack):
    try:
        with pytest.raises(runtime.exceptions.ModelError):
            invoke(runtime, act="die")
        with pytest.raises(runtime.exceptions.ServiceUnavailable):
            invoke(runtime)
    finally:
        stack.container.kill()
        stack.container.start()
    assert invoke(runtime)["ResponseMetadata"]["HTTPStatusCode"] == 200
