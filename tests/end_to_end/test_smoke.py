"""What both ways of delivering do after a deploy, against the local stack."""

from scrutineer.cli.smoke import PHOTOS
from scrutineer.local.stack import LocalStack
from scrutineer.smoke import Smoke


def test_a_sound_service_passes_every_check(stack: LocalStack, key: str) -> None:
    findings = list(Smoke(stack.url, key, PHOTOS, within_s=60).run())
    assert [(finding.check, finding.outcome) for finding in findings if finding.outcome != "ok"] == []
    assert len(findings) == 5
    assert findings[-1].detail.startswith("passed by ")


def test_a_key_that_nobody_has_fails_at_the_inspection_alone(stack: LocalStack, key: str) -> None:
    findings = list(Smoke(stack.url, "scr_" + "x" * 43, PHOTOS, within_s=5).run())
    assert [finding.outcome for finding in findings] == ["ok", "ok", "ok", "ok", "failed"]
    assert findings[-1].detail.startswith("401 unauthorized")
