"""`template.yaml` as the local stack sees it: translated, resolved, checked, typed."""

import dataclasses
import json
import secrets
import string
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from scrutineer.local.errors import TemplateInvalid, TemplateUnsupported
from scrutineer.local.parameter_order import out_of_order
from scrutineer.local.template_aliases import published
from scrutineer.local.template_api import read_api
from scrutineer.local.template_keys import closing_keys
from scrutineer.local.template_model import (
    BucketSpec,
    EventSourceSpec,
    FunctionSpec,
    ParameterSpec,
    QueueSpec,
    ScheduleSpec,
    SecretSpec,
    TableSpec,
    Template,
)
from scrutineer.local.template_resources import Resources
from scrutineer.local.template_roles import role_statements
from scrutineer.local.translation import translate

FUNCTION = "AWS::Lambda::Function"
QUEUE = "AWS::SQS::Queue"
# CloudFormation's names where S3 has others.
CORS_RULE = {"ExposedHeaders": "ExposeHeaders", "MaxAge": "MaxAgeSeconds", "Id": "ID"}
QUEUE_ATTRIBUTES = (
    "VisibilityTimeout",
    "MessageRetentionPeriod",
    "DelaySeconds",
    "ReceiveMessageWaitTimeSeconds",
    "MaximumMessageSize",
)


def load_template(path: Path, *, queues_url: str, parameters: Mapping[str, str] | None = None) -> Template:
    """Reads `path`. `queues_url` is what queue URLs begin with.

    Raises `TemplateInvalid` for what AWS would refuse too and `TemplateUnsupported` for what is not emulated here.
    """
    translated = translate(path, parameters or {})
    for _, _, reason in out_of_order(translated.parameters):
        raise TemplateInvalid(reason)
    resources = Resources(translated, queues_url)
    functions = {
        logical_id: _function(resources, logical_id, properties, translated.code_dirs)
        for logical_id, properties in resources.all(FUNCTION)
    }
    for name, alias in published(resources).items():
        functions[name] = dataclasses.replace(functions[name], arn=alias.arn, version=alias.version)
    for logical_id, properties in resources.all("AWS::Lambda::EventInvokeConfig"):
        name = resources.find(FUNCTION, properties["FunctionName"], logical_id)
        if properties.get("DestinationConfig"):  # SAM writes an empty one
            raise TemplateUnsupported(logical_id, "a destination")
        functions[name] = dataclasses.replace(
            functions[name],
            async_retries=int(properties.get("MaximumRetryAttempts", 2)),
            async_max_age_s=int(properties.get("MaximumEventAgeInSeconds", 6 * 3600)),
        )
    return Template(
        functions=functions,
        apis={
            logical_id: read_api(logical_id, properties, resources)
            for logical_id, properties in resources.all("AWS::ApiGateway::RestApi")
        },
        queues={
            logical_id: _queue(resources, logical_id, properties) for logical_id, properties in resources.all(QUEUE)
        },
        event_sources=tuple(
            _event_source(resources, logical_id, properties)
            for logical_id, properties in resources.all("AWS::Lambda::EventSourceMapping")
        ),
        schedules=(*_rules(resources), *_schedules(resources)),
        buckets={
            logical_id: _bucket(resources, logical_id, properties)
            for logical_id, properties in resources.all("AWS::S3::Bucket")
        },
        tables={
            logical_id: _table(resources, logical_id, properties)
            for logical_id, properties in resources.all("AWS::DynamoDB::Table")
        },
        secrets=tuple(
            _secret(resources, logical_id, properties)
            for logical_id, properties in resources.all("AWS::SecretsManager::Secret")
        ),
        parameters=tuple(
            ParameterSpec(logical_id, resources.attributes.name(logical_id), str(properties["Value"]))
            for logical_id, properties in resources.all("AWS::SSM::Parameter")
        ),
        keys=closing_keys(resources),
    )


def _function(
    resources: Resources, logical_id: str, properties: Mapping[str, Any], code_dirs: Mapping[str, Path]
) -> FunctionSpec:
    if properties.get("Runtime") != "python3.11":
        raise TemplateUnsupported(logical_id, f"the runtime {properties.get('Runtime')}")
    code_dir = code_dirs[logical_id]
    handler = str(properties["Handler"])
    module = handler.rpartition(".")[0].replace(".", "/")
    if not (code_dir / f"{module}.py").is_file() and not (code_dir / module / "__init__.py").is_file():
        raise TemplateInvalid(f"{logical_id}: there is no {module}.py in {code_dir} for the handler {handler}")
    environment = {
        str(name): _text(value)
        for name, value in ((properties.get("Environment") or {}).get("Variables") or {}).items()
    }
    layers = {resources.attributes.ref(layer) for layer, _ in resources.all("AWS::Lambda::LayerVersion")}
    for layer in properties.get("Layers") or []:
        if layer not in layers:
            raise TemplateUnsupported(logical_id, f"a layer outside of this template ({layer})")
    logging = properties.get("LoggingConfig") or {}
    if logging.get("LogFormat") == "JSON":
        # https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
        environment["AWS_LAMBDA_LOG_FORMAT"] = "JSON"
        environment["AWS_LAMBDA_LOG_LEVEL"] = str(logging.get("ApplicationLogLevel", "INFO"))
    reserved = properties.get("ReservedConcurrentExecutions")
    role = resources.written[logical_id]["Properties"]["Role"]
    statements = role_statements(resources, role, logical_id)
    return FunctionSpec(
        logical_id=logical_id,
        name=resources.attributes.name(logical_id),
        arn=resources.attributes.get_att(logical_id, "Arn"),
        handler=handler,
        code_dir=code_dir,
        timeout_s=float(properties.get("Timeout", 3)),
        memory_mb=int(properties.get("MemorySize", 128)),
        environment=environment,
        reserved_concurrency=None if reserved is None else int(reserved),
        role=role["Fn::GetAtt"][0],
        statements=statements,
    )


def _queue(resources: Resources, logical_id: str, properties: Mapping[str, Any]) -> QueueSpec:
    attributes = {name: str(properties[name]) for name in QUEUE_ATTRIBUTES if name in properties}
    redrive = properties.get("RedrivePolicy")
    if redrive:
        resources.find(QUEUE, redrive["deadLetterTargetArn"], logical_id)
        attributes["RedrivePolicy"] = json.dumps(redrive)
    return QueueSpec(
        logical_id=logical_id,
        name=resources.attributes.name(logical_id),
        url=resources.attributes.ref(logical_id),
        arn=resources.attributes.get_att(logical_id, "Arn"),
        # SQS's default: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html
        visibility_timeout_s=int(properties.get("VisibilityTimeout", 30)),
        attributes=attributes,
    )


def _event_source(resources: Resources, logical_id: str, properties: Mapping[str, Any]) -> EventSourceSpec:
    window_s = int(properties.get("MaximumBatchingWindowInSeconds", 0))
    batch_size = int(properties.get("BatchSize", 10))
    if batch_size > 10 and window_s == 0:
        raise TemplateInvalid(f"{logical_id}: a BatchSize over 10 needs MaximumBatchingWindowInSeconds")
    concurrency = (properties.get("ScalingConfig") or {}).get("MaximumConcurrency")
    return EventSourceSpec(
        logical_id=logical_id,
        function=resources.find(FUNCTION, properties["FunctionName"], logical_id),
        queue=resources.find(QUEUE, properties["EventSourceArn"], logical_id),
        batch_size=batch_size,
        window_s=window_s,
        max_concurrency=None if concurrency is None else int(concurrency),
        report_failures="ReportBatchItemFailures" in (properties.get("FunctionResponseTypes") or []),
        enabled=_truth(properties.get("Enabled", True)),
    )


def _rules(resources: Resources) -> Iterator[ScheduleSpec]:
    for logical_id, properties in resources.all("AWS::Events::Rule"):
        if "ScheduleExpression" not in properties:
            raise TemplateUnsupported(logical_id, "a rule without ScheduleExpression")
        for target in properties.get("Targets") or []:
            for name in target:
                if name not in ("Arn", "Id", "Input"):
                    raise TemplateUnsupported(logical_id, f"a target's {name}")
            yield ScheduleSpec(
                logical_id=logical_id,
                arn=resources.attributes.get_att(logical_id, "Arn"),
                function=resources.find(FUNCTION, target["Arn"], logical_id),
                expression=str(properties["ScheduleExpression"]),
                timezone="UTC",
                input=target.get("Input"),
                enabled=properties.get("State", "ENABLED") != "DISABLED",
                kind="rule",
            )


def _schedules(resources: Resources) -> Iterator[ScheduleSpec]:
    for logical_id, properties in resources.all("AWS::Scheduler::Schedule"):
        if (properties.get("FlexibleTimeWindow") or {}).get("Mode", "OFF") != "OFF":
            raise TemplateUnsupported(logical_id, "a flexible time window")
        target = properties["Target"]
        for name in target:
            if name not in ("Arn", "RoleArn", "Input"):
                raise TemplateUnsupported(logical_id, f"a target's {name}")
        yield ScheduleSpec(
            logical_id=logical_id,
            arn=resources.attributes.get_att(logical_id, "Arn"),
            function=resources.find(FUNCTION, target["Arn"], logical_id),
            expression=str(properties["ScheduleExpression"]),
            timezone=str(properties.get("ScheduleExpressionTimezone", "UTC")),
            input=target.get("Input"),
            enabled=properties.get("State", "ENABLED") != "DISABLED",
            kind="schedule",
        )


def _bucket(resources: Resources, logical_id: str, properties: Mapping[str, Any]) -> BucketSpec:
    versioning = properties.get("VersioningConfiguration") or {}
    rules = (properties.get("CorsConfiguration") or {}).get("CorsRules") or []
    return BucketSpec(
        logical_id,
        resources.attributes.name(logical_id),
        versioned=versioning.get("Status") == "Enabled",
        cors=tuple({CORS_RULE.get(name, name): value for name, value in rule.items()} for rule in rules),
    )


def _table(resources: Resources, logical_id: str, properties: Mapping[str, Any]) -> TableSpec:
    if properties.get("BillingMode") != "PAY_PER_REQUEST":
        raise TemplateUnsupported(logical_id, "provisioned capacity")
    ttl = properties.get("TimeToLiveSpecification") or {}
    return TableSpec(
        logical_id,
        resources.attributes.name(logical_id),
        definition={name: properties[name] for name in ("AttributeDefinitions", "KeySchema", "BillingMode")},
        ttl_attribute=ttl.get("AttributeName") if _truth(ttl.get("Enabled")) else None,
    )


def _secret(resources: Resources, logical_id: str, properties: Mapping[str, Any]) -> SecretSpec:
    value = properties.get("SecretString")
    if value is None:
        generate = properties.get("GenerateSecretString") or {}
        alphabet = string.ascii_letters + string.digits
        value = "".join(secrets.choice(alphabet) for _ in range(int(generate.get("PasswordLength", 32))))
        if "GenerateStringKey" in generate:
            members = json.loads(generate.get("SecretStringTemplate", "{}"))
            value = json.dumps({**members, generate["GenerateStringKey"]: value})
    return SecretSpec(logical_id, resources.attributes.name(logical_id), str(value))


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _truth(value: Any) -> bool:
    return str(value).lower() == "true"
