"""What checkov finds in the templates, held to `infrastructure/lint/checkov.yaml`, which has a reason for each.

`python -m tests.checkov_findings CHECKOV` fails for a finding that is not accepted, and for one that is accepted and
no longer found. checkov pins its own versions of nearly everything, so it has a virtual environment of its own; it runs
without the network.
"""

import fnmatch
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from samtranslator.yaml_helper import yaml_parse

from scrutineer.local.settings import ROOT
from scrutineer.local.translation import translate

ACCEPTED = ROOT / "infrastructure" / "lint" / "checkov.yaml"


class Finding(NamedTuple):
    """`where` is the template and the resource: `network.yaml: AWS::EC2::VPC.Vpc`."""

    check: str
    where: str
    name: str


def main(checkov: str) -> int:
    accepted = yaml.safe_load(ACCEPTED.read_text())
    found = list(findings(checkov))
    if not found:
        print("checkov found nothing at all: it did not look.")
        return 1
    wrong = [
        f"not accepted: {finding.check} {finding.name}, {finding.where}"
        for finding in found
        if not any(
            fnmatch.fnmatchcase(finding.where, where) for where in accepted.get(finding.check, {}).get("where", [])
        )
    ]
    wrong += [
        f"accepted in {ACCEPTED.name}, and not found: {check}, {where}"
        for check, acceptance in accepted.items()
        for where in acceptance["where"]
        if not any(finding.check == check and fnmatch.fnmatchcase(finding.where, where) for finding in found)
    ]
    wrong += [
        f"accepted without a reason: {check}" for check, each in accepted.items() if len(each.get("why", "")) < 20
    ]
    print("\n".join(wrong or [f"checkov: {len(found)} findings of {len(accepted)} kinds, all of them accepted."]))
    return 1 if wrong else 0


def findings(checkov: str) -> Iterator[Finding]:
    """In the translated template and every other one, since SAM's own resources hide what they become."""
    with tempfile.TemporaryDirectory() as folder:
        documents = {"template.yaml": translate(ROOT / "template.yaml", {}).document}
        for path in (ROOT / "infrastructure").glob("*.yaml"):
            documents[path.name] = yaml_parse(path.read_text())
        for name, document in documents.items():
            for resource in document["Resources"].values():
                # checkov leaves out what the parameters' defaults leave out.
                resource.pop("Condition", None)
            (Path(folder) / name).write_text(json.dumps(document, default=str))
        done = subprocess.run(
            [checkov, "-d", folder, "--framework", "cloudformation", "--skip-download", "-o", "json", "--compact"],
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode not in (0, 1):
        raise SystemExit(f"checkov failed:\n{done.stderr}")
    reports: Any = json.loads(done.stdout)
    for report in reports if isinstance(reports, list) else [reports]:
        for failed in report["results"]["failed_checks"]:
            where = f"{failed['file_path'].lstrip('/')}: {failed['resource']}"
            yield Finding(failed["check_id"], where, failed["check_name"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
