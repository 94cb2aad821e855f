"""Reading templates: the test application's, and what must stop the stack."""

import json
from pathlib import Path

import pytest
import yaml

from scrutineer.local.errors import LocalStackError, TemplateInvalid, TemplateUnsupported
from scrutineer.local.settings import ROOT
from scrutineer.local.template import load_template
from scrutineer.local.translation import parameter_values

SAMPLE = Path(__file__).resolve().parents[3] / "integration/local/sample/template.yaml"
QUEUES = "http://127.0.0.1:1"


@pytest.fixture(scope="module")
def sample():
    return load_template(SAMPLE, queues_url=QUEUES, parameters={"MaximumBatch": "5"})


def test_functions(sample):
    echo = sample.functions["EchoFunction"]
    assert (echo.handler, echo.timeout_s, echo.memory_mb) == ("echo.app.handler", 3.0, 256)
    assert echo.code_dir == SAMPLE.parent / "functions"
    assert echo.environment["STEP_QUEUE_URL"] == f"{QUEUES}/000000000000/scrutineer-StepQueue"
    assert echo.environment["DATABASE_HOST"] == "127.0.0.1"
    # What `!Ref` of a stage means: its name.
    assert echo.environment["STAGE"] == "live"


def test_api(sample):
    api = sample.apis["Api"]
    assert (api.stage, api.key_source) == ("live", "AUTHORIZER")
    routes = {(route.method, route.path): route for route in api.routes}
    assert routes["POST", "/v1/echo"].authorizer == "KeyAuthorizer"
    assert routes["POST", "/v1/echo"].api_key_required
    assert routes["GET", "/v1/open"].authorizer is None
    assert not routes["GET", "/v1/open"].api_key_required
    assert ("ANY", "/v1/files/{proxy+}") in routes
    assert api.authorizers["KeyAuthorizer"].ttl_s == 60
    assert [source.name for source in api.authorizers["KeyAuthorizer"].identity_sources] == ["x-api-key"]
    assert api.responses["UNAUTHORIZED"].status == 401
    plans = {plan.logical_id: plan for plan in api.plans}
    assert plans["SlowPlan"].burst == 3
    assert plans["FastPlan"].keys == {"FastKey": "fast-usage-key-0123456789"}
    assert "image/png" in api.binary_media_types


def test_queues_and_event_sources(sample):
    assert sample.queues["StepQueue"].visibility_timeout_s == 18
    redrive = json.loads(sample.queues["StepQueue"].attributes["RedrivePolicy"])
    assert redrive["deadLetterTargetArn"] == sample.queues["StepDeadLetters"].arn
    (source,) = sample.event_sources
    assert (source.function, source.queue, source.batch_size) == ("StepFunction", "StepQueue", 5)
    assert (source.max_concurrency, source.report_failures, source.enabled) == (4, True, True)


def test_schedules_and_buckets(sample):
    (schedule,) = sample.schedules
    assert (schedule.function, schedule.expression) == ("TickFunction", "rate(1 minute)")
    bucket = sample.buckets["PhotoBucket"]
    assert bucket.name == "scrutineer-photobucket"
    assert [(rule["AllowedOrigins"], rule["MaxAgeSeconds"]) for rule in bucket.cors] == [(["https://app.example"], 60)]


FUNCTION = {
    "Type": "AWS::Serverless::Function",
    "Properties": {"Handler": "echo.app.handler", "Runtime": "python3.11", "CodeUri": str(SAMPLE.parent / "functions")},
}


def load(tmp_path, resources, **document):
    path = tmp_path / "template.yaml"
    path.write_text(
        yaml.safe_dump({"Transform": "AWS::Serverless-2016-10-31", "Resources": resources, **document}, sort_keys=False)
    )
    return load_template(path, queues_url=QUEUES)


def with_properties(**properties):
    return {"F": {**FUNCTION, "Properties": {**FUNCTION["Properties"], **properties}}}


@pytest.mark.parametrize(
    ("resources", "named"),
    [
        ({"Topic": {"Type": "AWS::SNS::Topic"}}, "Topic: the resource type AWS::SNS::Topic"),
        ({"Q": {"Type": "AWS::SQS::Queue", "Properties": {"FifoQueue": True}}}, "Q .*FifoQueue"),
        (with_properties(Runtime="python3.12"), "F: the runtime python3.12"),
        (with_properties(Layers=["arn:aws:lambda:eu-west-1:1:layer:x:1"]), "F: a layer outside of this template"),
        (
            {"L": {"Type": "AWS::Serverless::LayerVersion", "Properties": {"ContentUri": str(SAMPLE.parent)}}},
            "L: a layer of anything but the packages",
        ),
        ({"L": {"Type": "AWS::Lambda::LayerVersion", "Properties": {}}}, "L: a layer that SAM does not build"),
        (
            with_properties(
                EventInvokeConfig={"DestinationConfig": {"OnFailure": {"Type": "SQS", "Destination": "x"}}}
            ),
            "a destination",
        ),
        (with_properties(FunctionUrlConfig={"AuthType": "NONE"}), "AWS::Lambda::Url"),
        (
            with_properties(Events={"A": {"Type": "Api", "Properties": {"Path": "/a", "Method": "get"}}})
            | {"B": {"Type": "AWS::S3::Bucket", "Properties": {"NotificationConfiguration": {}}}},
            "B .*NotificationConfiguration",
        ),
        (
            with_properties(Environment={"Variables": {"A": {"Fn::GetAtt": ["Nested", "Outputs.Unknown"]}}})
            | {"Nested": {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": "x"}}},
            "Nested: the nested stack's output Unknown",
        ),
        (
            with_properties(Events={"A": {"Type": "SQS", "Properties": {"Queue": "arn:aws:sqs:eu-west-1:1:other"}}}),
            "outside of this template",
        ),
        (
            with_properties(
                Events={
                    "A": {
                        "Type": "SQS",
                        "Properties": {
                            "Queue": {"Fn::GetAtt": ["Q", "Arn"]},
                            "FilterCriteria": {"Filters": [{"Pattern": "{}"}]},
                        },
                    }
                }
            )
            | {"Q": {"Type": "AWS::SQS::Queue"}},
            "FilterCriteria",
        ),
    ],
)
def test_unsupported_features_are_named(tmp_path, resources, named):
    with pytest.raises(TemplateUnsupported, match=named) as caught:
        load(tmp_path, resources)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "resources",
    [
        with_properties(Handler="missing.app.handler"),
        with_properties(CodeUri="no/such/folder"),
        with_properties(Environment={"Variables": {"A": {"Ref": "Nothing"}}}),
        {"F": {"Type": "AWS::Serverless::Function", "Properties": {"Handler": "x"}}},
    ],
)
def test_invalid_templates(tmp_path, resources):
    with pytest.raises(TemplateInvalid):
        load(tmp_path, resources)


def api_with(auth, **event_auth):
    event = {"RestApiId": {"Ref": "A"}, "Path": "/a", "Method": "get", "Auth": event_auth}
    api = {"StageName": "live", "Auth": auth}
    return with_properties(Events={"E": {"Type": "Api", "Properties": event}}) | {
        "A": {"Type": "AWS::Serverless::Api", "Properties": api}
    }


@pytest.mark.parametrize("role", ["CALLER_CREDENTIALS", "arn:aws:iam::000000000000:role/x"])
def test_a_function_that_is_invoked_as_somebody_is_unsupported(tmp_path, role):
    with pytest.raises(TemplateUnsupported, match="InvokeRole"):
        load(tmp_path, api_with({}, Authorizer="AWS_IAM", InvokeRole=role))


def test_a_signed_route(tmp_path):
    (route,) = load(tmp_path, api_with({}, Authorizer="AWS_IAM", InvokeRole="NONE")).apis["A"].routes
    assert (route.signed, route.authorizer, route.api_key_required) == (True, None, False)


def test_an_authorizer_that_is_asked_every_time_needs_no_identity_source(tmp_path):
    authorizer = {"FunctionArn": {"Fn::GetAtt": ["F", "Arn"]}, "FunctionPayloadType": "REQUEST"}
    auth = {"Authorizers": {"X": {**authorizer, "Identity": {"ReauthorizeEvery": 0}}}}
    spec = load(tmp_path, api_with(auth, Authorizer="X")).apis["A"].authorizers["X"]
    assert (spec.ttl_s, spec.identity_sources) == (0, ())


def published(**more):
    """A function with an alias, asked by a route, a queue, a schedule and as an authorizer."""
    api = {"RestApiId": {"Ref": "A"}, "Path": "/a", "Method": "get", "Auth": {"Authorizer": "X"}}
    events = {
        "Route": {"Type": "Api", "Properties": api},
        "Messages": {"Type": "SQS", "Properties": {"Queue": {"Fn::GetAtt": ["Q", "Arn"]}}},
        "Ticks": {"Type": "Schedule", "Properties": {"Schedule": "rate(1 minute)"}},
    }
    authorizer = {"FunctionArn": {"Ref": "F.Alias"}, "FunctionPayloadType": "REQUEST"}
    auth = {"Authorizers": {"X": {**authorizer, "Identity": {"ReauthorizeEvery": 0}}}}
    return with_properties(AutoPublishAlias="live", Events=events, **more) | {
        "Q": {"Type": "AWS::SQS::Queue"},
        "A": {"Type": "AWS::Serverless::Api", "Properties": {"StageName": "live", "Auth": auth}},
    }


def test_whoever_calls_an_alias_calls_its_function(tmp_path):
    shift = {"Type": "Canary10Percent5Minutes", "Role": "arn:aws:iam::000000000000:role/x"}
    provisioned = {"ProvisionedConcurrentExecutions": 2}
    template = load(tmp_path, published(DeploymentPreference=shift, ProvisionedConcurrencyConfig=provisioned))

    assert list(template.functions) == ["F"]
    assert template.functions["F"].arn == "arn:aws:lambda:eu-west-1:000000000000:function:scrutineer-F:live"
    assert template.functions["F"].version == "1"
    (route,) = template.apis["A"].routes
    (source,), (schedule,) = template.event_sources, template.schedules
    assert {route.function, source.function, schedule.function} == {"F"}
    assert template.apis["A"].authorizers["X"].function == "F"


def test_a_function_without_an_alias_is_its_latest_version(tmp_path):
    function = load(tmp_path, with_properties()).functions["F"]
    assert (function.arn.rpartition(":")[2], function.version) == ("scrutineer-F", "$LATEST")


ALIAS = {"FunctionName": {"Ref": "F"}, "FunctionVersion": "1", "Name": "other"}


@pytest.mark.parametrize(
    ("alias", "named"),
    [
        (ALIAS, "a second alias of F"),
        (ALIAS | {"FunctionVersion": "$LATEST"}, r"B: an alias of version \$LATEST, which"),
        (ALIAS | {"FunctionVersion": "7"}, "B: an alias of version 7, which"),
        (ALIAS | {"FunctionName": "elsewhere"}, "B: a AWS::Lambda::Function outside of this template"),
        (ALIAS | {"RoutingConfig": {"AdditionalVersionWeights": []}}, "B .*RoutingConfig"),
    ],
)
def test_aliases_that_have_no_counterpart_here(tmp_path, alias, named):
    with pytest.raises(TemplateUnsupported, match=named):
        load(tmp_path, published() | {"B": {"Type": "AWS::Lambda::Alias", "Properties": alias}})


def test_a_version_is_called_by_its_alias_alone(tmp_path):
    mapping = {"FunctionName": {"Ref": "F.Version"}, "EventSourceArn": {"Fn::GetAtt": ["Q", "Arn"]}}
    with pytest.raises(TemplateUnsupported, match="M: a AWS::Lambda::Function outside of this template"):
        load(tmp_path, published() | {"M": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": mapping}})


def test_a_layer_of_packages_is_what_is_installed_here(tmp_path):
    (tmp_path / "layer").mkdir()
    (tmp_path / "layer" / "requirements.txt").write_text("pydantic\n")
    layer = {"Type": "AWS::Serverless::LayerVersion", "Properties": {"ContentUri": "layer"}}
    template = load(tmp_path, with_properties(Layers=[{"Ref": "L"}]) | {"L": layer})
    assert list(template.functions) == ["F"]


def test_irrelevant_types_pass(tmp_path):
    template = load(
        tmp_path,
        {
            **with_properties(),
            "Group": {"Type": "AWS::Logs::LogGroup"},
            "Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Threshold": {"Fn::GetAtt": ["F", "Arn"]}}},
        },
    )
    assert list(template.functions) == ["F"]


def test_not_yaml(tmp_path):
    path = tmp_path / "template.yaml"
    path.write_text("a: [")
    with pytest.raises(TemplateInvalid):
        load_template(path, queues_url=QUEUES)
    with pytest.raises(LocalStackError):
        load_template(tmp_path / "absent.yaml", queues_url=QUEUES)


@pytest.mark.parametrize("given", [{"Nothing": "1"}])
def test_unknown_parameters(given):
    with pytest.raises(TemplateInvalid, match="Nothing"):
        load_template(SAMPLE, queues_url=QUEUES, parameters=given)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("LogLevel", "LOUD", "LogLevel must be one of"),
        ("ServiceOpens", "6", "ServiceOpens must be a time of day as HH:MM"),
        ("EndpointConcurrency", "1", "EndpointConcurrency must be from 2 to 1000"),
        ("EndpointConcurrency", "many", "EndpointConcurrency must be a number"),
    ],
)
def test_what_cloudformation_would_refuse(name: str, value: str, said: str) -> None:
    from samtranslator.yaml_helper import yaml_parse

    with pytest.raises(TemplateInvalid, match=said):
        parameter_values(yaml_parse((ROOT / "template.yaml").read_text()), {name: value})
