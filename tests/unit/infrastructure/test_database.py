"""Who reaches the database, as whom and in which order: what a first deployment and an update hang on."""

import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

NO_VALUE = {"Ref": "AWS::NoValue"}


def test_every_function_waits_for_the_migrations_and_signs_in_as_the_user_made_there(
    functions: Mapping[str, Any],
) -> None:
    """A reference of its own: by way of the proxy alone, which an update may leave as it is, it would be less plain."""
    users = {
        stage: properties["Environment"]["Variables"]["DATABASE_USER"]
        for stage, properties in functions.items()
        if "DATABASE_AUTH" in properties["Environment"]["Variables"]
    }
    assert len(users) >= 17
    assert set(map(str, users.values())) == {str({"Fn::GetAtt": ["Migration", "User"]})}


def test_a_first_deployment_makes_the_user_before_the_proxy_signs_in_as_it(
    resources: Mapping[str, Any], nested: Mapping[str, Any]
) -> None:
    assert "Migration" in needed(resources, "Proxy")
    assert {"MigrateFunction", "Database", "Network"} <= needed(resources, "Migration")
    assert not {"Proxy", "DatabasePolicy"} & needed(resources, "Migration")
    # Both name the secret; the migrations read its user out of it.
    secret = nested["database.yaml"]["Resources"]["ApplicationSecret"]["Properties"]["GenerateSecretString"]
    assert json.loads(secret["SecretStringTemplate"]) == {"username": "scrutineer_app"}
    (auth,) = nested["proxy.yaml"]["Resources"]["Proxy"]["Properties"]["Auth"]
    assert auth == {"AuthScheme": "SECRETS", "IAMAuth": "REQUIRED", "SecretArn": {"Ref": "SecretArn"}}
    given = {"Fn::GetAtt": ["Database", "Outputs.ApplicationSecretArn"]}
    assert resources["Proxy"]["Properties"]["Parameters"]["SecretArn"] == given


def test_the_functions_may_sign_in_as_that_user_alone(resources: Mapping[str, Any]) -> None:
    sign_in = resources["DatabasePolicy"]["Properties"]["PolicyDocument"]["Statement"][0]
    assert sign_in["Action"] == "rds-db:connect"
    assert sign_in["Resource"]["Fn::Sub"][0].endswith(":dbuser:${ProxyId}/${Migration.User}")


def test_the_migrations_run_when_the_schema_or_the_database_is_another(resources: Mapping[str, Any]) -> None:
    migration = resources["Migration"]["Properties"]
    layer = migration["Schema"]["Ref"]
    assert resources[layer]["Type"] == "AWS::Lambda::LayerVersion"  # one version of it is never changed
    assert layer.startswith("Schema")
    assert {"Ref": layer} in resources["MigrateFunction"]["Properties"]["Layers"]
    assert resources["MigrateFunction"]["Properties"]["Environment"]["Variables"]["SCHEMA_FOLDER"] == "/opt"
    assert migration["Address"] == {"Fn::GetAtt": ["Database", "Outputs.Address"]}


def test_cloudformation_waits_as_long_as_the_function_may_work_and_asks_once(resources: Mapping[str, Any]) -> None:
    migration, function = resources["Migration"]["Properties"], resources["MigrateFunction"]["Properties"]
    assert function["Timeout"] < migration["ServiceTimeout"] <= 3600
    # CloudFormation refuses another ServiceToken, as a version or an alias would be with each deployment.
    assert migration["ServiceToken"] == {"Fn::GetAtt": ["MigrateFunction", "Arn"]}
    (config,) = [
        resource["Properties"]
        for resource in resources.values()
        if resource["Type"] == "AWS::Lambda::EventInvokeConfig"
        and resource["Properties"]["FunctionName"] == {"Ref": "MigrateFunction"}
    ]
    assert config["MaximumRetryAttempts"] == 0


def test_the_layer_holds_migrations_rights_and_certificates(source: Mapping[str, Any], root: Path) -> None:
    folder = root / source["Resources"]["Schema"]["Properties"]["ContentUri"]
    assert {path.suffix for path in folder.iterdir()} == {".sql", ".json", ".pem"}
    assert (folder / "rights.json").is_file()
    assert (folder / "rds-ca-rsa2048-g1.pem").is_file()


def test_the_answer_to_cloudformation_gets_out_of_the_network(nested: Mapping[str, Any]) -> None:
    """It goes to a bucket of CloudFormation's, by the endpoint of S3 (whose policy test_network.py looks at)."""
    network = nested["network.yaml"]["Resources"]
    assert "AnswersToCloudFormation" in [
        statement["Sid"]
        for statement in network["S3Endpoint"]["Properties"]["PolicyDocument"]["Statement"]
        if "Sid" in statement
    ]
    assert network["ClientToS3"]["Properties"]["GroupId"] == {"Ref": "DatabaseClientSecurityGroup"}


def test_nobody_but_the_proxy_and_who_migrates_or_rotates_reaches_the_database_itself(
    resources: Mapping[str, Any], nested: Mapping[str, Any]
) -> None:
    network = nested["network.yaml"]["Resources"]
    sources = {
        resource["Properties"]["SourceSecurityGroupId"]["Ref"]
        for resource in network.values()
        if resource["Type"] == "AWS::EC2::SecurityGroupIngress"
        and resource["Properties"]["GroupId"] == {"Ref": "DatabaseSecurityGroup"}
    }
    assert sources == {"ProxySecurityGroup", "DatabaseClientSecurityGroup"}
    group = {"Fn::GetAtt": ["Network", "Outputs.DatabaseClientSecurityGroupId"]}
    holders = {name for name, resource in resources.items() if group in list(values(resource.get("Properties", {})))}
    assert holders == {"MigrateFunction", "Proxy"}
    assert resources["Proxy"]["Properties"]["Parameters"]["RotationSecurityGroupId"] == group


def test_the_owners_secret_is_read_by_the_migrations_alone(resources: Mapping[str, Any]) -> None:
    owner = {"Fn::GetAtt": ["Database", "Outputs.OwnerSecretArn"]}
    holders = {name for name, resource in resources.items() if owner in list(values(resource.get("Properties", {})))}
    assert holders == {"MigrateRole", "MigrateFunction"}


def test_the_migrate_function_may_do_exactly_this(resources: Mapping[str, Any]) -> None:
    role = resources["MigrateRole"]["Properties"]
    assert role["ManagedPolicyArns"] == [{"Ref": "TracePolicy"}]
    (policy,) = role["Policies"]
    statements = {statement["Sid"]: statement for statement in policy["PolicyDocument"]["Statement"]}
    assert set(statements) == {"ReadSecrets", "OpenSecrets", "JoinNetwork", "WriteLogs"}
    assert statements["ReadSecrets"]["Action"] == "secretsmanager:GetSecretValue"
    assert statements["ReadSecrets"]["Resource"] == [
        {"Fn::GetAtt": ["Database", "Outputs.OwnerSecretArn"]},
        {"Fn::GetAtt": ["Database", "Outputs.ApplicationSecretArn"]},
    ]
    assert statements["OpenSecrets"]["Action"] == "kms:Decrypt"
    assert statements["WriteLogs"]["Resource"] == {"Fn::GetAtt": ["MigrateLogGroup", "Arn"]}
    network = resources["DatabasePolicy"]["Properties"]["PolicyDocument"]["Statement"][1]
    assert statements["JoinNetwork"] == network


def test_a_restored_database_is_told_nothing_that_its_snapshot_says(nested: Mapping[str, Any]) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-rds-dbinstance.html"""
    instance = nested["database.yaml"]["Resources"]["Instance"]["Properties"]
    for name in ("DBName", "MasterUsername", "StorageEncrypted", "KmsKeyId"):
        assert instance[name]["Fn::If"][0] == "IsNew"
        assert instance[name]["Fn::If"][2] == NO_VALUE
    assert instance["DBSnapshotIdentifier"] == {"Fn::If": ["IsNew", NO_VALUE, {"Ref": "Snapshot"}]}
    assert len(instance["MasterUsername"]["Fn::If"][1]) <= 16


def test_the_database_is_kept_and_its_certificate_is_one_that_the_migrations_trust(
    nested: Mapping[str, Any], root: Path
) -> None:
    instance = nested["database.yaml"]["Resources"]["Instance"]
    assert (instance["DeletionPolicy"], instance["UpdateReplacePolicy"]) == ("Snapshot", "Snapshot")
    assert instance["Properties"]["ManageMasterUserPassword"] is True
    assert (root / "database" / f"{instance['Properties']['CACertificateIdentifier']}.pem").is_file()


def test_the_password_is_changed_of_one_user_and_once_the_proxy_works(nested: Mapping[str, Any]) -> None:
    """Two users in turn would leave the functions with a name that the proxy does not know half of the time."""
    rotation = nested["proxy.yaml"]["Resources"]["Rotation"]
    assert rotation["Properties"]["HostedRotationLambda"]["RotationType"] == "MySQLSingleUser"
    assert rotation["DependsOn"] == "ProxyTargets"
    assert rotation["Properties"]["RotateImmediatelyOnUpdate"] is False


def test_what_a_nested_transform_needs_is_granted(nested: Mapping[str, Any], root: Path) -> None:
    config = tomllib.loads((root / "samconfig.toml").read_text())
    assert [name for name, template in nested.items() if "Transform" in template] == ["proxy.yaml"]
    for environment in ("dev", "prod"):
        assert "CAPABILITY_AUTO_EXPAND" in config[environment]["deploy"]["parameters"]["capabilities"].split()


def needed(resources: Mapping[str, Any], name: str) -> set[str]:
    """All resources that CloudFormation makes before this one."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        resource = resources[waiting.pop()]
        depends = resource.get("DependsOn", [])
        direct = set(depends if isinstance(depends, list) else [depends])
        direct |= {each for each in references(resource.get("Properties", {})) if each in resources}
        waiting += direct - found
        found |= direct
    return found


def references(node: Any) -> Iterator[str]:
    """Logical ids, and whatever else a Ref, a GetAtt or a Sub names."""
    for value in values(node):
        if isinstance(value, Mapping):
            if "Ref" in value:
                yield value["Ref"]
            if "Fn::GetAtt" in value:
                yield value["Fn::GetAtt"][0]
            if "Fn::Sub" in value:
                text = value["Fn::Sub"] if isinstance(value["Fn::Sub"], str) else value["Fn::Sub"][0]
                yield from (part.split("}")[0].split(".")[0] for part in text.split("${")[1:])


def values(node: Any) -> Iterator[Any]:
    """A node and all that is in it."""
    yield node
    if isinstance(node, Mapping):
        for value in node.values():
            yield from values(value)
    elif isinstance(node, list):
        for value in node:
            yield from values(value)
