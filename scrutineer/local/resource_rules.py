"""Which resource types and properties the local stack emulates, which have no effect on one machine, and no others.

Whatever is in neither list stops the stack: better no answer than one that AWS would not give.
"""

from collections.abc import Iterable, Mapping

from scrutineer.local.errors import TemplateUnsupported

IRRELEVANT_TYPES = frozenset(
    {
        # Permission: everything runs as one person here.
        "AWS::IAM::Role",
        "AWS::IAM::Policy",
        "AWS::IAM::ManagedPolicy",
        "AWS::Lambda::Permission",
        "AWS::SQS::QueuePolicy",
        "AWS::S3::BucketPolicy",
        "AWS::SNS::TopicPolicy",
        "AWS::KMS::Key",
        "AWS::KMS::Alias",
        # Observation: logs go to files.
        "AWS::Logs::LogGroup",
        "AWS::Logs::MetricFilter",
        "AWS::CloudWatch::Alarm",
        "AWS::CloudWatch::CompositeAlarm",
        "AWS::CloudWatch::Dashboard",
        "AWS::ApiGateway::Account",
        # Network: there is only 127.0.0.1.
        "AWS::EC2::VPC",
        "AWS::EC2::Subnet",
        "AWS::EC2::SecurityGroup",
        "AWS::EC2::SecurityGroupIngress",
        "AWS::EC2::SecurityGroupEgress",
        "AWS::EC2::RouteTable",
        "AWS::EC2::SubnetRouteTableAssociation",
        "AWS::EC2::VPCEndpoint",
        # Its content is in the stage and the API.
        "AWS::ApiGateway::Deployment",
    }
)

# Nested stacks are stood in for by their outputs (stand_ins.py).
NESTED_TYPES = frozenset({"AWS::CloudFormation::Stack", "AWS::Serverless::Application"})

# type: (properties that are emulated, properties without an effect on one machine)
PROPERTIES: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "AWS::Lambda::Function": (
        frozenset(
            ["FunctionName", "Handler", "Runtime", "Timeout", "MemorySize", "Environment", "ReservedConcurrentExecutions", "LoggingConfig"]
        ),
        frozenset(["Architectures", "Code", "Description", "EphemeralStorage", "Role", "Tags", "TracingConfig", "VpcConfig"]),
    ),
    "AWS::Lambda::EventInvokeConfig": (
        frozenset(["FunctionName", "Qualifier", "MaximumRetryAttempts", "MaximumEventAgeInSeconds"]),
        frozenset(),
    ),
    "AWS::Lambda::EventSourceMapping": (
        frozenset(
            ["FunctionName", "EventSourceArn", "BatchSize", "MaximumBatchingWindowInSeconds", "ScalingConfig", "FunctionResponseTypes", "Enabled"]
        ),
        frozenset({"Tags"}),
    ),
    "AWS::ApiGateway::RestApi": (
        frozenset(["Body", "Name", "ApiKeySourceType", "BinaryMediaTypes"]),
        frozenset(["Description", "EndpointConfiguration", "Parameters", "Tags", "FailOnWarnings"]),
    ),
    "AWS::ApiGateway::Stage": (
        frozenset(["RestApiId", "StageName", "DeploymentId", "Variables", "MethodSettings"]),
        frozenset(["AccessLogSetting", "Description", "Tags", "TracingEnabled"]),
    ),
    "AWS::ApiGateway::UsagePlan": (
        frozenset(["ApiStages", "Throttle", "Quota", "UsagePlanName"]),
        frozenset(["Description", "Tags"]),
    ),
    "AWS::ApiGateway::ApiKey": (
        frozenset(["Enabled", "Value", "Name", "StageKeys"]),
        frozenset(["Description", "Tags"]),
    ),
    "AWS::ApiGateway::UsagePlanKey": (frozenset(["KeyId", "KeyType", "UsagePlanId"]), frozenset()),
    "AWS::SQS::Queue": (
        frozenset(
            ["QueueName", "VisibilityTimeout", "RedrivePolicy", "MessageRetentionPeriod", "DelaySeconds", "ReceiveMessageWaitTimeSeconds", "MaximumMessageSize"]
        ),
        frozenset(["KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds", "RedriveAllowPolicy", "SqsManagedSseEnabled", "Tags"]),
    ),
    "AWS::Events::Rule": (
        frozenset(["ScheduleExpression", "State", "Targets", "Name"]),
        frozenset(["Description", "Tags"]),
    ),
    "AWS::Scheduler::Schedule": (
        frozenset(["ScheduleExpression", "ScheduleExpressionTimezone", "State", "Target", "FlexibleTimeWindow", "Name"]),
        frozenset({"Description"}),
    ),
    "AWS::S3::Bucket": (
        frozenset({"BucketName", "VersioningConfiguration"}),
        # Lifecycle rules count in days.
        frozenset(
            ["BucketEncryption", "LifecycleConfiguration", "OwnershipControls", "PublicAccessBlockConfiguration", "LoggingConfiguration", "Tags"]
        ),
    ),
    "AWS::SecretsManager::Secret": (
        frozenset(["Name", "SecretString", "GenerateSecretString"]),
        frozenset(["Description", "KmsKeyId", "Tags"]),
    ),
    "AWS::SSM::Parameter": (frozenset(["Name", "Type", "Value"]), frozenset(["Description", "Tags", "Tier"])),
}


def check(logical_id: str, resource_type: str, properties: Iterable[str]) -> None:
    """Raises `TemplateUnsupported` for a type or property of which the local stack knows nothing."""
    if resource_type in IRRELEVANT_TYPES or resource_type in NESTED_TYPES:
        return
    if resource_type not in PROPERTIES:
        raise TemplateUnsupported(logical_id, f"the resource type {resource_type}")
    emulated, without_effect = PROPERTIES[resource_type]
    for name in properties:
        if name not in emulated and name not in without_effect:
            raise TemplateUnsupported(f"{logical_id} ({resource_type})", f"the property {name}")
