"""Which resource types and properties the local stack emulates, which have no effect on one machine, and no others.

Whatever is in neither list stops the stack: better no answer than one that AWS would not give.
"""

from collections.abc import Iterable, Mapping

from scrutineer.local.errors import TemplateUnsupported

IRRELEVANT_TYPES = frozenset(
    {
        # Permission: what the functions' roles allow is read in template_roles.py; the rest is between AWS's services.
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
        # The stack does its work itself, when the database starts (stack.py).
        "Custom::Migration",
        # Its content is in the stage and the API.
        "AWS::ApiGateway::Deployment",
        # Release: here is one version at a time, and what it is set to never changes.
        "AWS::CodeDeploy::Application",
        "AWS::CodeDeploy::DeploymentGroup",
        "AWS::AppConfig::Application",
        "AWS::AppConfig::ConfigurationProfile",
        "AWS::AppConfig::HostedConfigurationVersion",
    }
)

# Nested stacks are stood in for by their outputs (stand_ins.py).
NESTED_TYPES = frozenset({"AWS::CloudFormation::Stack", "AWS::Serverless::Application"})


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# type: (properties that are emulated, properties without an effect on one machine)
PROPERTIES: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "AWS::Lambda::Function": (
        _names(
            "FunctionName Handler Runtime Timeout MemorySize Environment ReservedConcurrentExecutions LoggingConfig"
            " Layers"
        ),
        _names("Architectures Code Description EphemeralStorage Role Tags TracingConfig VpcConfig"),
    ),
    # A layer's packages are those that are installed here (translation.py), the schema is read where it lies.
    "AWS::Lambda::LayerVersion": (
        frozenset(),
        _names("CompatibleArchitectures CompatibleRuntimes Content Description LayerName LicenseInfo"),
    ),
    "AWS::Lambda::Version": (_names("FunctionName"), _names("Description")),
    # Provisioned concurrency only spares cold starts.
    "AWS::Lambda::Alias": (
        _names("FunctionName FunctionVersion Name"),
        _names("Description ProvisionedConcurrencyConfig"),
    ),
    "AWS::Lambda::EventInvokeConfig": (
        _names("FunctionName Qualifier MaximumRetryAttempts MaximumEventAgeInSeconds DestinationConfig"),
        frozenset(),
    ),
    "AWS::Lambda::EventSourceMapping": (
        _names(
            "FunctionName EventSourceArn BatchSize MaximumBatchingWindowInSeconds ScalingConfig"
            " FunctionResponseTypes Enabled"
        ),
        _names("Tags"),
    ),
    "AWS::ApiGateway::RestApi": (
        _names("Body Name ApiKeySourceType BinaryMediaTypes"),
        _names("Description EndpointConfiguration Parameters Tags FailOnWarnings"),
    ),
    "AWS::ApiGateway::Stage": (
        _names("RestApiId StageName DeploymentId Variables MethodSettings"),
        _names("AccessLogSetting Description Tags TracingEnabled"),
    ),
    "AWS::ApiGateway::UsagePlan": (
        _names("ApiStages Throttle Quota UsagePlanName"),
        _names("Description Tags"),
    ),
    "AWS::ApiGateway::ApiKey": (
        _names("Enabled Value Name StageKeys"),
        _names("Description Tags"),
    ),
    "AWS::ApiGateway::UsagePlanKey": (_names("KeyId KeyType UsagePlanId"), frozenset()),
    "AWS::SQS::Queue": (
        _names(
            "QueueName VisibilityTimeout RedrivePolicy MessageRetentionPeriod DelaySeconds"
            " ReceiveMessageWaitTimeSeconds MaximumMessageSize"
        ),
        _names("KmsMasterKeyId KmsDataKeyReusePeriodSeconds RedriveAllowPolicy SqsManagedSseEnabled Tags"),
    ),
    "AWS::Events::Rule": (
        _names("ScheduleExpression State Targets Name"),
        _names("Description Tags"),
    ),
    "AWS::Scheduler::Schedule": (
        _names("ScheduleExpression ScheduleExpressionTimezone State Target FlexibleTimeWindow Name"),
        _names("Description"),
    ),
    "AWS::S3::Bucket": (
        _names("BucketName CorsConfiguration VersioningConfiguration"),
        # Lifecycle rules count in days.
        _names(
            "BucketEncryption LifecycleConfiguration OwnershipControls"
            " PublicAccessBlockConfiguration LoggingConfiguration Tags"
        ),
    ),
    "AWS::DynamoDB::Table": (
        _names("TableName AttributeDefinitions KeySchema BillingMode TimeToLiveSpecification"),
        _names("PointInTimeRecoverySpecification SSESpecification Tags"),
    ),
    "AWS::SecretsManager::Secret": (
        _names("Name SecretString GenerateSecretString"),
        _names("Description KmsKeyId Tags"),
    ),
    "AWS::SSM::Parameter": (_names("Name Type Value"), _names("Description Tags Tier")),
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
