"""What `Ref` and `GetAtt` mean on one machine: local addresses for resources, fixed outputs for nested stacks."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from scrutineer.database_address import Connection
from scrutineer.local.errors import TemplateUnsupported
from scrutineer.local.intrinsics import STACK_NAME
from scrutineer.local.resource_rules import NESTED_TYPES
from scrutineer.local.template_model import ACCOUNT, REGION

ENDPOINT_NAME = f"{STACK_NAME}-endpoint"
COMPONENT_NAME = f"{STACK_NAME}-model"
# Nothing is ever published a second time here.
VERSION = "1"
OWNER_SECRET, APPLICATION_SECRET = f"{STACK_NAME}-database-owner", f"{STACK_NAME}-database-application"
SECRET_ARN = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret"

# The nested stacks of template.yaml by logical id. What is not here is not known to mean anything locally.
NESTED_OUTPUTS: Mapping[tuple[str, str], str] = {
    ("Database", "Address"): "127.0.0.1",
    ("Database", "InstanceId"): "database-local",
    ("Database", "OwnerSecretArn"): f"{SECRET_ARN}:{OWNER_SECRET}",
    ("Database", "ApplicationSecretArn"): f"{SECRET_ARN}:{APPLICATION_SECRET}",
    ("Proxy", "ProxyEndpoint"): "127.0.0.1",
    ("Proxy", "ProxyResourceId"): "prx-local",
    ("Proxy", "ProxyName"): "proxy-local",
    ("Endpoint", "EndpointName"): ENDPOINT_NAME,
    ("Endpoint", "Address"): f"{ENDPOINT_NAME}/{COMPONENT_NAME}",
    ("Endpoint", "EndpointArn"): f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/{ENDPOINT_NAME}",
    ("Endpoint", "ComponentArn"): f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:inference-component/{COMPONENT_NAME}",
    ("Hours", "Warms"): "cron(50 23 * * ? *)",
    ("Hours", "Closes"): "cron(0 0 * * ? *)",
    ("Network", "SubnetIds"): "subnet-local1,subnet-local2",
    ("Network", "FunctionSecurityGroupId"): "sg-local",
    ("Network", "ProxySecurityGroupId"): "sg-local",
    ("Network", "DatabaseSecurityGroupId"): "sg-local",
    ("Network", "OperatorSecurityGroupId"): "sg-local",
    ("Network", "VpcId"): "vpc-local",
}


def database_secrets(owner: Connection, application: Connection) -> dict[str, str]:
    """What the secrets of the nested stack `Database` hold, by name."""
    return {
        name: json.dumps({"username": connection.user, "password": connection.password})
        for name, connection in ((OWNER_SECRET, owner), (APPLICATION_SECRET, application))
    }


class LocalAttributes:
    """Names resources as CloudFormation would: the given name, else stack name and logical id.

    `resolve` turns a property's intrinsic functions into its value.
    """

    def __init__(self, resources: Mapping[str, Any], queues_url: str, *, resolve: Callable[[Any], Any]) -> None:
        self._resources = resources
        self._queues_url = queues_url
        self._resolve = resolve

    def name(self, logical_id: str) -> str:
        resource = self._resources[logical_id]
        properties = resource.get("Properties") or {}
        given = next((properties[key] for key in NAME_PROPERTIES if isinstance(properties.get(key), str)), None)
        name = given or f"{STACK_NAME}-{logical_id}"
        return name.lower() if resource["Type"] == "AWS::S3::Bucket" else name

    def ref(self, logical_id: str) -> Any:
        kind = self._resources[logical_id]["Type"]
        name = self.name(logical_id)
        match kind:
            case "AWS::SQS::Queue":
                return f"{self._queues_url}/{ACCOUNT}/{name}"
            case "AWS::SecretsManager::Secret":
                return self.get_att(logical_id, "Id")
            case "AWS::Lambda::Alias":
                return self._qualified(logical_id, self._resolve(self._resources[logical_id]["Properties"]["Name"]))
            case "AWS::Lambda::Version":
                return self._qualified(logical_id, VERSION)
            case "AWS::Lambda::LayerVersion":
                return f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:{logical_id}:{VERSION}"
            case "AWS::ApiGateway::RestApi":
                return logical_id.lower()
            case "AWS::ApiGateway::Stage":
                return str(self._resolve(self._resources[logical_id]["Properties"]["StageName"]))
            case "AWS::ApiGateway::ApiKey" | "AWS::ApiGateway::UsagePlan" | "AWS::ApiGateway::Deployment":
                return logical_id
            case (
                "AWS::Lambda::Function"
                | "AWS::S3::Bucket"
                | "AWS::DynamoDB::Table"
                | "AWS::SSM::Parameter"
                | "AWS::Events::Rule"
                | "AWS::Logs::LogGroup"
                | "AWS::KMS::Key"
            ):
                return name
        raise TemplateUnsupported(logical_id, f"Ref to {kind} in a place that matters locally")

    def get_att(self, logical_id: str, attribute: str) -> Any:
        kind = self._resources[logical_id]["Type"]
        if kind in NESTED_TYPES:
            output = attribute.removeprefix("Outputs.")
            if (logical_id, output) not in NESTED_OUTPUTS:
                raise TemplateUnsupported(logical_id, f"the nested stack's output {output}")
            return NESTED_OUTPUTS[logical_id, output]
        name = self.name(logical_id)
        match kind, attribute:
            case "AWS::Lambda::Function", "Arn":
                return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"
            case "AWS::SQS::Queue", "Arn":
                return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
            case "AWS::SQS::Queue", "QueueName":
                return name
            case "AWS::SQS::Queue", "QueueUrl":
                return self.ref(logical_id)
            case "AWS::S3::Bucket", "Arn":
                return f"arn:aws:s3:::{name}"
            case "AWS::DynamoDB::Table", "Arn":
                return f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}"
            case "AWS::KMS::Key", "Arn":
                return f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{name}"
            case "AWS::Logs::LogGroup", "Arn":
                return f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}:*"
            case "AWS::SecretsManager::Secret", "Id":
                return f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}"
            case "AWS::Events::Rule", "Arn":
                return f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{name}"
            case "Custom::Migration", "User":
                # The stack migrates when its database starts (stack.py), and gives each function its user.
                return "local"
            case "AWS::Scheduler::Schedule", "Arn":
                return f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/default/{name}"
            case "AWS::Lambda::Version", "Version":
                return VERSION
            case "AWS::AppConfig::HostedConfigurationVersion", "VersionNumber":
                return VERSION
        raise TemplateUnsupported(logical_id, f"the attribute {attribute} of {kind}")

    def _qualified(self, logical_id: str, qualifier: str) -> str:
        """The ARN of a function's version or alias."""
        function = self._resolve(self._resources[logical_id]["Properties"]["FunctionName"])
        return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}:{qualifier}"


NAME_PROPERTIES = ("FunctionName", "QueueName", "BucketName", "TableName", "Name")
