"""infrastructure/registry.yaml keeps images as they were pushed, and long enough."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.unit.infrastructure.conftest import read


@pytest.fixture(scope="module")
def registry(root: Path) -> Mapping[str, Any]:
    return read(root / "infrastructure" / "registry.yaml")


def test_an_image_is_scanned_and_never_replaced_nor_readable_without_its_key(registry: Mapping[str, Any]) -> None:
    repository = registry["Resources"]["Repository"]["Properties"]
    assert repository["ImageScanningConfiguration"] == {"ScanOnPush": True}
    assert repository["ImageTagMutability"] == "IMMUTABLE"
    assert repository["EncryptionConfiguration"] == {
        "EncryptionType": "KMS",
        "KmsKey": {"Fn::GetAtt": ["Key", "Arn"]},
    }
    assert registry["Resources"]["Key"]["Properties"]["EnableKeyRotation"] is True


def test_what_runs_outlives_the_stack(registry: Mapping[str, Any]) -> None:
    for resource in registry["Resources"].values():
        assert resource["DeletionPolicy"] == "RetainExceptOnCreate"
        assert resource["UpdateReplacePolicy"] == "Retain"


def test_only_old_images_go_and_never_by_their_age(registry: Mapping[str, Any]) -> None:
    text = registry["Resources"]["Repository"]["Properties"]["LifecyclePolicy"]["LifecyclePolicyText"]["Fn::Sub"]
    rules = json.loads(text.replace("${TaggedImages}", str(registry["Parameters"]["TaggedImages"]["Default"])))["rules"]
    untagged, newest = (rule["selection"] for rule in rules)
    assert (untagged["tagStatus"], untagged["countType"]) == ("untagged", "sinceImagePushed")
    # ECR takes a rule for `any` only as the last one.
    assert (newest["tagStatus"], newest["countType"]) == ("any", "imageCountMoreThan")
    assert [rule["rulePriority"] for rule in rules] == [1, 2]
    assert newest["countNumber"] >= 50
