"""The endpoint: a real container process behind SageMaker's API, and SageMaker's own errors."""

import json

import httpx
import pytest
from botocore.exceptions import ClientError

from scrutineer.local.http_server import HttpServer
from scrutineer.local.sagemaker_runtime import create_app
from scrutineer.local.stand_ins import ENDPOINT_NAME


@pytest.fixture
def runtime(stack):
    return stack.client("sagemaker-runtime")


def invoke(runtime, name=ENDPOINT_NAME, **asked):
    return runtime.invoke_endpoint(
        EndpointName=name, Body=json.dumps(asked).encode(), ContentType="application/json", CustomAttributes="trace-1"
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
