"""API Gateway's records of usage plans, as the gateway takes them."""

import dataclasses

import httpx
import pytest

from scrutineer.local.plan_records import COOLDOWN_S, PlanRecords, plans_of
from scrutineer.local.template_model import ApiSpec, UsagePlanSpec
from scrutineer.local.usage_plans import UsagePlans, Verdict

TEMPLATE_PLAN = UsagePlanSpec("Plan", None, None, None, None, {"Key": "of-the-template"})
API = ApiSpec("Api", "api", "live", (), {}, {}, "AUTHORIZER", (), {}, (TEMPLATE_PLAN,), None, None)
HERE = {"apiId": "api", "stage": "live"}


def record(**changes):
    return {
        "id": "p1",
        "stages": [HERE],
        "throttle": {"rateLimit": 2.5, "burstLimit": "4"},
        "quota": {"limit": "10", "period": "DAY", "offset": 0},
        "keys": {"k1": "client-1"},
        **changes,
    }


def test_a_record():
    assert list(plans_of(API, [record()])) == [UsagePlanSpec("p1", 2.5, 4, 10, "DAY", {"k1": "client-1"})]
    assert list(plans_of(API, [record(throttle={}, quota={})])) == [
        UsagePlanSpec("p1", None, None, None, None, {"k1": "client-1"})
    ]


@pytest.mark.parametrize("stages", [[], [{"apiId": "api", "stage": "other"}], [{"apiId": "other", "stage": "live"}]])
def test_a_plan_of_another_stage_is_none_of_this_gateway(stages, caplog):
    assert list(plans_of(API, [record(stages=stages)])) == []
    assert not caplog.messages


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"stages": [{**HERE, "throttle": {"/v1/echo/GET": {"rateLimit": 1}}}]}, "single method"),
        ({"quota": {"limit": 1, "period": "DAY", "offset": 3}}, "offset"),
        ({"quota": {"limit": 1, "period": "YEAR"}}, "YEAR"),
        ({"throttle": {"rateLimit": "fast"}}, "fast"),
    ],
)
def test_a_record_that_cannot_be_taken_is_told_and_stops_no_other(changes, named, caplog):
    assert [plan.logical_id for plan in plans_of(API, [record(**changes), record(id="p2")])] == ["p2"]
    assert named in caplog.text


class Services:
    """The records as somebody edits them, or nothing but an error."""

    def __init__(self):
        self.records, self.away, self.reads = [], False, 0

    def __call__(self):
        self.reads += 1
        if self.away:
            raise httpx.ConnectError("away")
        return list(self.records)


@pytest.fixture
def services():
    return Services()


def records_of(services, api=API):
    clock = [0.0]
    usage = UsagePlans(api.plans, clock=lambda: clock[0])

    def pause(seconds):
        clock[0] += seconds

    return PlanRecords(api, usage, read=services, clock=lambda: clock[0], pause=pause), usage, clock


def test_an_unknown_key_is_looked_up_at_most_once_a_cooldown(services):
    records, usage, clock = records_of(services)
    for _ in range(50):
        records.look_again()
    assert services.reads == 1
    services.records = [record()]
    assert usage.admit("client-1") is Verdict.UNKNOWN_KEY
    clock[0] += COOLDOWN_S
    records.look_again()
    assert services.reads == 2
    assert usage.admit("client-1") is Verdict.ADMITTED
    assert usage.admit("of-the-template") is Verdict.ADMITTED


def test_a_key_made_a_moment_after_a_look_is_found(services):
    records, usage, clock = records_of(services)
    records.look_again()
    services.records = [record()]
    clock[0] += COOLDOWN_S / 10
    records.look_again()
    assert usage.admit("client-1") is Verdict.ADMITTED
    assert clock[0] == pytest.approx(COOLDOWN_S)


def test_the_last_plans_stay_while_the_services_are_away(services, caplog):
    records, usage, clock = records_of(services)
    services.records = [record()]
    records.look_again()
    services.away = True
    for _ in range(3):
        clock[0] += 1
        records.look_again()
    assert usage.admit("client-1") is Verdict.ADMITTED
    assert len(caplog.messages) == 1
    services.away, services.records = False, []
    clock[0] += 1
    records.look_again()
    assert usage.admit("client-1") is Verdict.UNKNOWN_KEY


def test_a_record_wins_over_the_template(services):
    template = dataclasses.replace(API, plans=(dataclasses.replace(TEMPLATE_PLAN, keys={"Key": "client-1"}),))
    records, usage, _ = records_of(services, template)
    services.records = [record(quota={"limit": 1, "period": "DAY"})]
    records.look_again()
    assert [usage.admit("client-1") for _ in range(2)] == [Verdict.ADMITTED, Verdict.QUOTA_EXCEEDED]
