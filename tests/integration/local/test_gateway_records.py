"""Usage plans and keys that boto3 keeps in API Gateway's records, at work in the gateway."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

# AWS takes seconds; what is promised here.
BITES_WITHIN_S = 1.5


@pytest.fixture(scope="module")
def records(stack):
    return stack.client("apigateway")


@pytest.fixture
def make_plan(stack, records):
    """Makes a plan for this API's stage, with one key of the value given; undone after the test."""
    (api,) = stack.template.apis.values()
    made = []

    def make(value, stage=api.stage, enabled=True, **limits):
        key = records.create_api_key(name=value, value=value, enabled=enabled, tags={"client": value})["id"]
        plan = records.create_usage_plan(name=value, apiStages=[{"apiId": api.api_id, "stage": stage}], **limits)["id"]
        records.create_usage_plan_key(usagePlanId=plan, keyId=key, keyType="API_KEY")
        made.append((plan, f"{api.api_id}:{stage}", key))
        return plan, key

    yield make
    for plan, stage, key in made:
        remove = {"op": "remove", "path": "/apiStages", "value": stage}
        records.update_usage_plan(usagePlanId=plan, patchOperations=[remove])
        records.delete_usage_plan(usagePlanId=plan)
        records.delete_api_key(apiKey=key)


def ask(stack, value):
    # The authorizer of the sample answers "plan:X" with X as the usage key.
    return httpx.get(f"{stack.url}/v1/echo/x", headers={"x-api-key": f"plan:{value}"}, trust_env=False)


def within(condition):
    """Whether `condition` holds soon enough."""
    give_up = time.monotonic() + BITES_WITHIN_S
    while time.monotonic() < give_up:
        if condition():
            return True
        time.sleep(0.05)
    return False


def replace(path, value):
    return [{"op": "replace", "path": path, "value": str(value)}]


def test_a_new_key_works_at_its_first_request(stack, make_plan):
    value = "client-new-000000000000"
    assert ask(stack, value).status_code == 403
    make_plan(value, throttle={"rateLimit": 100, "burstLimit": 100})
    # At most one look a cooldown.
    time.sleep(0.1)
    assert ask(stack, value).status_code == 200


def test_a_disabled_key_and_one_without_a_plan_are_refused(stack, records, make_plan):
    value = "client-disabled-0000000"
    plan, key = make_plan(value)
    assert within(lambda: ask(stack, value).status_code == 200)
    records.update_api_key(apiKey=key, patchOperations=replace("/enabled", "false"))
    assert within(lambda: ask(stack, value).status_code == 403)
    assert ask(stack, value).json()["code"] == "INVALID_API_KEY"
    records.update_api_key(apiKey=key, patchOperations=replace("/enabled", "true"))
    assert within(lambda: ask(stack, value).status_code == 200)
    records.delete_usage_plan_key(usagePlanId=plan, keyId=key)
    assert within(lambda: ask(stack, value).status_code == 403)


def test_a_plan_of_another_stage_lets_nobody_in(stack, make_plan):
    make_plan("client-elsewhere-000000", stage="other")
    assert not within(lambda: ask(stack, "client-elsewhere-000000").status_code == 200)


def test_a_changed_quota_bites_and_what_was_used_stays_used(stack, records, make_plan):
    value = "client-quota-0000000000"
    plan, _ = make_plan(value, quota={"limit": 2, "period": "DAY"})
    assert within(lambda: ask(stack, value).status_code == 200)
    assert [ask(stack, value).status_code for _ in range(2)] == [200, 429]
    records.update_usage_plan(usagePlanId=plan, patchOperations=replace("/quota/limit", 3))
    assert within(lambda: ask(stack, value).status_code == 200)
    assert ask(stack, value).json()["code"] == "QUOTA_EXCEEDED"


def test_many_at_once_get_no_more_than_the_quota(stack, make_plan):
    value = "client-crowd-0000000000"
    make_plan(value, quota={"limit": 5, "period": "DAY"})
    assert within(lambda: ask(stack, value).status_code == 200)
    barrier = threading.Barrier(16)

    def ask_with_the_others(_):
        barrier.wait()
        return ask(stack, value).status_code

    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(ask_with_the_others, range(16)))
    # The function has fewer slots than there are callers; whoever waits for one was let in.
    assert sum(status != 429 for status in statuses) == 4


def test_a_changed_rate_bites(stack, records, make_plan):
    value = "client-rate-00000000000"
    plan, _ = make_plan(value, throttle={"rateLimit": 100.0, "burstLimit": 100})
    assert within(lambda: ask(stack, value).status_code == 200)
    records.update_usage_plan(
        usagePlanId=plan, patchOperations=[*replace("/throttle/rateLimit", 0.5), *replace("/throttle/burstLimit", 1)]
    )
    assert records.get_usage_plan(usagePlanId=plan)["throttle"] == {"rateLimit": 0.5, "burstLimit": 1}
    assert within(lambda: ask(stack, value).status_code == 429)
    assert ask(stack, value).json()["code"] == "THROTTLED"


def test_the_records_keep_the_rules_of_aws(stack, records, make_plan):
    value = "client-rules-0000000000"
    plan, key = make_plan(value)
    with pytest.raises(records.exceptions.ConflictException):
        records.create_api_key(name="twice", value=value)
    with pytest.raises(records.exceptions.ConflictException):
        records.create_usage_plan_key(usagePlanId=plan, keyId=key, keyType="API_KEY")
    other, _ = make_plan("client-rules-1111111111")
    with pytest.raises(records.exceptions.ConflictException):
        records.create_usage_plan_key(usagePlanId=other, keyId=key, keyType="API_KEY")
    # A plan with stages cannot be deleted.
    with pytest.raises(records.exceptions.BadRequestException):
        records.delete_usage_plan(usagePlanId=plan)
    with pytest.raises(records.exceptions.BadRequestException):
        records.update_usage_plan(usagePlanId=plan, patchOperations=replace("/throttle/rateLimit", "fast"))
    with pytest.raises(records.exceptions.NotFoundException):
        records.delete_usage_plan(usagePlanId="nothing")
    with pytest.raises(records.exceptions.NotFoundException):
        records.delete_usage_plan_key(usagePlanId=plan, keyId="nothing")
