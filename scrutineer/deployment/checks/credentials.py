"""Who deploys, where, and whether they may: identity, region, and IAM's own simulation."""

from collections.abc import Iterator

from scrutineer.deployment.creation import ALWAYS, CREATES, NOTHING_MADE
from scrutineer.deployment.findings import Finding, fail, ok, skipped, warn
from scrutineer.deployment.subject import Subject

AT_ONCE = 50


def credentials(subject: Subject) -> Iterator[Finding]:
    identity = subject.account.ask("sts", "get_caller_identity")
    arn = str(identity["Arn"])
    if not subject.region:
        yield fail("credentials", "no region is set", "export AWS_REGION=…")
        return
    yield ok("credentials", f"account {identity['Account']}, region {subject.region}, as {arn.split(':', 5)[5]}")
    if arn.endswith(":root"):
        yield warn(
            "credentials",
            "these are the root user's: nothing bounds what a mistake can do",
            "aws configure sso   # and sign in with a role",
        )


def permissions(subject: Subject) -> Iterator[Finding]:
    """IAM's simulation of what the deploy will do. It knows policies, not what an organisation forbids besides."""
    identity = subject.account.ask("sts", "get_caller_identity")
    principal = _principal(subject, str(identity["Arn"]))
    if principal is None:
        yield skipped("permissions", "the root user is not simulated: it may do everything")
        return
    actions = sorted(ALWAYS | {CREATES[each.type] for each in subject.expected if each.type in CREATES})
    decisions: dict[str, str] = {}
    for start in range(0, len(actions), AT_ONCE):
        answer = subject.account.ask(
            "iam",
            "simulate_principal_policy",
            PolicySourceArn=principal,
            ActionNames=actions[start : start + AT_ONCE],
        )
        decisions |= {each["EvalActionName"]: each["EvalDecision"] for each in answer["EvaluationResults"]}
    denied = [action for action, decision in decisions.items() if decision == "explicitDeny"]
    unsaid = [action for action, decision in decisions.items() if decision == "implicitDeny"]
    mend = f"aws iam simulate-principal-policy --policy-source-arn {principal} --action-names …"
    if denied:
        yield fail("permissions", f"forbidden to {principal}: {', '.join(denied)}", mend)
    if unsaid:
        yield warn("permissions", f"not allowed on every resource: {', '.join(unsaid)}", mend)
    unknown = {each.type for each in subject.expected if _makes_unknown(each.type)}
    if unknown:
        yield skipped("permissions", f"what making these takes is not known: {', '.join(sorted(unknown))}")
    if not denied and not unsaid:
        yield ok("permissions", f"all {len(decisions)} actions of a deploy are allowed")


def _makes_unknown(resource_type: str) -> bool:
    return (
        not resource_type.startswith("Custom::") and resource_type not in CREATES and resource_type not in NOTHING_MADE
    )


def _principal(subject: Subject, arn: str) -> str | None:
    """The user or role whose policies count; of the root user None. A session's ARN leaves out its role's path."""
    kind, _, name = arn.split(":", 5)[5].partition("/")
    if kind == "assumed-role":
        role = subject.account.ask("iam", "get_role", RoleName=name.partition("/")[0])
        return str(role["Role"]["Arn"])
    return None if kind == "root" else arn
