"""SAM template → plain CloudFormation, offline: samtranslator needs neither an account nor the network for it."""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scrutineer.local.errors import TemplateInvalid, TemplateUnsupported
from scrutineer.local.template_model import REGION

PACKAGED = "s3://local/code.zip"
_BOUNDS = {"MinValue": float("-inf"), "MaxValue": float("inf")}


@dataclass(frozen=True)
class Translated:
    """`code_dirs` keeps what translation loses: the local folder of each function."""

    document: dict[str, Any]
    parameters: Mapping[str, Any]
    code_dirs: Mapping[str, Path]


def translate(path: Path, parameters: Mapping[str, str]) -> Translated:
    """Raises `TemplateInvalid` where CloudFormation or SAM would refuse, `TemplateUnsupported` for other layers than
    those of packages."""
    # These take 0.4 s to import and are needed by nothing else of the command.
    import boto3
    from samtranslator.model.exceptions import InvalidDocumentException
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator
    from samtranslator.yaml_helper import yaml_parse

    # It reports the absence of an AWS-internal feature list on every call.
    logging.getLogger("samtranslator").setLevel(logging.CRITICAL)
    try:
        source = yaml_parse(path.read_text())
    except OSError as error:
        raise TemplateInvalid(f"{path}: {error.strerror}") from error
    except Exception as error:  # yaml_parse raises whatever its parsers raise
        raise TemplateInvalid(f"{path}: {' '.join(str(error).split())}") from error
    values = parameter_values(source, parameters)
    code_dirs = _localise_code(source, path.parent)
    _localise_layers(source, path.parent)
    session = boto3.Session(
        region_name=REGION, aws_access_key_id="local", aws_secret_access_key="local", aws_session_token="local"
    )
    try:
        document = Translator({}, Parser(), boto_session=session).translate(source, dict(values), feature_toggle=None)
    except InvalidDocumentException as error:
        raise TemplateInvalid(f"{path}: " + "; ".join(str(cause.message) for cause in error.causes)) from error
    return Translated(document, values, code_dirs)


def parameter_values(source: Mapping[str, Any], overrides: Mapping[str, str]) -> dict[str, Any]:
    declared = source.get("Parameters") or {}
    unknown = sorted(set(overrides) - set(declared))
    if unknown:
        raise TemplateInvalid(f"the template has no parameter {', '.join(unknown)}")
    values: dict[str, Any] = {}
    for name, declaration in declared.items():
        if name in overrides:
            values[name] = overrides[name]
        elif "Default" in declaration:
            values[name] = declaration["Default"]
        else:
            raise TemplateInvalid(f"parameter {name} has no default and was not given")
        if reason := refusal(str(values[name]), declaration):
            raise TemplateInvalid(f"parameter {name} {reason}")
        if "List" in str(declaration.get("Type")) and isinstance(values[name], str):
            values[name] = [part.strip() for part in values[name].split(",")]
    return values


def refusal(value: str, declaration: Mapping[str, Any]) -> str | None:
    """What CloudFormation would have against it."""
    allowed = [str(each) for each in declaration.get("AllowedValues") or ()]
    if allowed and value not in allowed:
        return f"must be one of {', '.join(allowed)}"
    pattern = declaration.get("AllowedPattern")
    if pattern and not re.fullmatch(pattern, value):
        return str(declaration.get("ConstraintDescription", f"must match {pattern}"))
    if declaration.get("Type") == "Number":
        try:
            number = float(value)
        except ValueError:
            return "must be a number"
        least, most = (float(declaration.get(bound, unbounded)) for bound, unbounded in _BOUNDS.items())
        if not least <= number <= most:
            return f"must be from {least:g} to {most:g}"
    return None


def _localise_code(source: Mapping[str, Any], base: Path) -> dict[str, Path]:
    """Puts a placeholder for `CodeUri`, which the translator only takes as S3; returns the folders meant."""
    shared = ((source.get("Globals") or {}).get("Function") or {}).get("CodeUri")
    code_dirs = {}
    for logical_id, resource in (source.get("Resources") or {}).items():
        if resource.get("Type") != "AWS::Serverless::Function":
            continue
        properties = resource.setdefault("Properties", {})
        uri = properties.get("CodeUri", shared)
        code_dirs[logical_id] = _folder(base, logical_id, "CodeUri", uri)
        properties["CodeUri"] = PACKAGED
    if shared:
        source["Globals"]["Function"].pop("CodeUri")
    return code_dirs


def _localise_layers(source: Mapping[str, Any], base: Path) -> None:
    """The same for `ContentUri`. A layer of packages needs nothing here, where its packages are installed, and one of
    migrations is read where it lies (function_environment.py); what any other holds would be missing.
    """
    for logical_id, resource in (source.get("Resources") or {}).items():
        if resource.get("Type") == "AWS::Lambda::LayerVersion":
            raise TemplateUnsupported(logical_id, "a layer that SAM does not build")
        if resource.get("Type") != "AWS::Serverless::LayerVersion":
            continue
        properties = resource.setdefault("Properties", {})
        folder = _folder(base, logical_id, "ContentUri", properties.get("ContentUri"))
        if not any((folder / name).is_file() for name in ("requirements.txt", "rights.json")):
            raise TemplateUnsupported(logical_id, "a layer of anything but the packages of a requirements.txt")
        properties["ContentUri"] = PACKAGED


def _folder(base: Path, logical_id: str, name: str, uri: Any) -> Path:
    if not isinstance(uri, str):
        raise TemplateInvalid(f"{logical_id}: {name} must be a local folder")
    folder = (base / uri).resolve()
    if not folder.is_dir():
        raise TemplateInvalid(f"{logical_id}: {name} {uri} is no folder")
    return folder
