"""`scrutineer doctor` beside a stack that runs: what it can know of the database through the gateway, and directly."""

import json
import subprocess
import sys

from scrutineer.local.settings import ROOT
from scrutineer.local.stack import LocalStack


def test_database_tables_and_records_of_a_running_stack(stack: LocalStack, key: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "scrutineer", "doctor", "--after", "--json"],
        capture_output=True,
        text=True,
        env={
            "SCRUTINEER_URL": stack.url,
            "SCRUTINEER_API_KEY": key,
            "SCRUTINEER_DATABASE": stack.database.url,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_REGION": "eu-west-1",
            "PYTHONPATH": str(ROOT),
            "HOME": "/nowhere",
        },
        check=False,
    )
    found = {finding["check"]: finding for finding in json.loads(done.stdout)["findings"]}
    assert {name: found[name]["verdict"] for name in ("database", "tables", "gateway records", "deployed")} == {
        "database": "ok",
        "tables": "ok",
        "gateway records": "ok",
        "deployed": "skipped",
    }
    assert done.returncode == 1  # there are no credentials, and parameters are missing
    assert key not in done.stdout + done.stderr
