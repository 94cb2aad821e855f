"""`scrutineer compare` between the container's own /process_request and the gateway in front of it."""

import json
import subprocess
import sys

import pytest

from scrutineer.local.settings import ROOT
from scrutineer.local.stack import LocalStack

PHOTOS = sorted(str(path) for path in (ROOT / "events" / "photos").glob("red-shoe-good-*.jpg"))


@pytest.mark.parametrize("item", ["red shoe", "blue bag"])
def test_the_container_and_the_gateway_agree(item: str, stack: LocalStack, key: str) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "scrutineer", "compare"),
            *(f"{stack.endpoint_url}/process_request", stack.url, *PHOTOS, "--item", item, "--json"),
        ],
        capture_output=True,
        text=True,
        env={"SCRUTINEER_API_KEY": key, "PYTHONPATH": str(ROOT), "HOME": str(ROOT)},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["verdict"] == {"cases": 1, "same": 1, "share": 1.0, "undecided": 0}
    assert {row["share"] for row in found["questions"]} == {1.0}
    assert len(found["questions"]) == 6
    assert found["latency_s"]["old"]["median"] < found["latency_s"]["new"]["median"]
