"""Real `awslambdaric` processes: what Lambda promises about an invocation."""

import dataclasses
import json
import os
import signal
import sys
import threading
import time

import pytest

from scrutineer.local.errors import PayloadTooLarge, Throttled
from scrutineer.local.function_pool import FunctionPool
from scrutineer.local.processes import Processes


def invoke(stack, **event):
    result = stack.invoke("EchoFunction", event)
    return result, json.loads(result.payload)


def test_a_slot_is_used_again(stack):
    _, first = invoke(stack)
    result, second = invoke(stack)
    assert not result.cold
    assert first["pid"] == second["pid"]
    assert second["pid"] in [slot.pid for slot in stack.functions["EchoFunction"].slots()]
    assert 0 < second["remaining_ms"] <= 3000


def test_a_raised_error_is_reported_and_the_slot_goes_on(stack):
    _, before = invoke(stack)
    result, error = invoke(stack, act="raise")
    assert result.function_error == "Unhandled"
    assert (error["errorType"], error["errorMessage"]) == ("ValueError", "as asked")
    assert error["stackTrace"]
    assert invoke(stack)[1]["pid"] == before["pid"]


def test_an_exit_ends_only_its_slot(stack):
    result, error = invoke(stack, act="exit")
    assert (result.function_error, error["errorType"]) == ("Unhandled", "Runtime.ExitError")
    assert "exit status 7" in error["errorMessage"]
    assert invoke(stack)[0].function_error is None


def test_a_timeout_ends_the_slot(stack):
    _, before = invoke(stack)
    start = time.monotonic()
    result, error = invoke(stack, act="sleep", seconds=30)
    assert 2.9 < time.monotonic() - start < 20
    assert (result.function_error, error["errorType"]) == ("Unhandled", "Sandbox.Timedout")
    assert "Task timed out after 3.00 seconds" in error["errorMessage"]
    assert invoke(stack)[1]["pid"] != before["pid"]


def test_memory_over_the_limit_is_fatal(stack):
    result, error = invoke(stack, act="allocate", megabytes=400)
    assert (result.function_error, error["errorType"]) == ("Unhandled", "Runtime.OutOfMemory")
    assert invoke(stack, act="allocate", megabytes=50)[0].function_error is None


def test_a_too_large_answer_is_an_error_and_the_next_one_works(stack):
    result, error = invoke(stack, act="large")
    assert (result.function_error, error["errorType"]) == ("Unhandled", "Function.ResponseSizeTooLarge")
    assert invoke(stack)[0].function_error is None


def test_a_too_large_event_is_refused(stack):
    with pytest.raises(PayloadTooLarge):
        invoke(stack, padding="x" * (6 << 20))


def test_slots_are_limited_and_work_at_once(stack):
    outcomes = []

    def one():
        try:
            outcomes.append(invoke(stack, act="sleep", seconds=1)[1]["pid"])
        except Throttled as throttled:
            outcomes.append(throttled)

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(isinstance(outcome, Throttled) for outcome in outcomes) == 1
    assert len({outcome for outcome in outcomes if isinstance(outcome, int)}) == 3


def test_a_killed_slot_fails_its_invocation_only(stack):
    invoke(stack)
    outcome = []
    thread = threading.Thread(target=lambda: outcome.append(invoke(stack, act="sleep", seconds=2)))
    thread.start()
    busy = None
    while busy is None:
        busy = next((slot for slot in stack.functions["EchoFunction"].slots() if slot.busy), None)
    time.sleep(0.2)
    os.kill(busy.pid, signal.SIGKILL)
    thread.join()
    result, error = outcome[0]
    assert (result.function_error, error["errorType"]) == ("Unhandled", "Runtime.ExitError")
    assert "signal: 9" in error["errorMessage"]
    assert busy.pid not in [slot.pid for slot in stack.functions["EchoFunction"].slots()]


def test_environment(stack):
    environment = invoke(stack, act="environment")[1]
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == "scrutineer-EchoFunction"
    assert environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "256"
    assert environment["BUCKET"] == "scrutineer-photobucket"
    assert environment["EXTRA"] == "given"
    assert environment["DATABASE_AUTH"] == "password"
    assert environment["DATABASE_HOST"] == "127.0.0.1"
    # Only what the template sets is replaced; the password is the one addition.
    assert "DATABASE_PORT" not in environment
    assert environment["DATABASE_PASSWORD"]
    assert environment["AWS_ENDPOINT_URL"] == stack.services_url
    assert environment["AWS_ENDPOINT_URL_SQS"] == stack.queues_url
    assert environment["AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME"] == stack.sagemaker_runtime_url
    assert environment["POWERTOOLS_TRACE_DISABLED"] == "true"
    assert "HOME" not in environment


def test_the_log_has_lambdas_lines(stack):
    invoke(stack)
    log = (stack.logs / "EchoFunction.log").read_text()
    assert "START RequestId: " in log
    assert "Max Memory Used: " in log
    assert "Init Duration: " in log


def test_a_failed_import_is_reported_each_time(stack, tmp_path):
    spec = dataclasses.replace(stack.template.functions["EchoFunction"], handler="echo.broken.handler")
    with Processes() as processes:
        pool = FunctionPool(
            spec,
            max_slots=2,
            slot_wait_s=0,
            starts=threading.Semaphore(1),
            environment={},
            python=sys.executable,
            log_path=tmp_path / "log",
            processes=processes,
        )
        try:
            for _ in range(2):
                result = pool.invoke(b"{}")
                assert result.function_error == "Unhandled"
                assert json.loads(result.payload)["errorMessage"] == "broken at import"
        finally:
            pool.stop()
