"""The database, as far as a machine outside of its network can tell: by gateway, proxy and records."""

from collections.abc import Iterator

from scrutineer.deployment.findings import Finding, fail, ok
from scrutineer.deployment.subject import Subject
from scrutineer.errors import RequestFailed


def reachable(subject: Subject) -> Iterator[Finding]:
    """`GET /v1/service` reads the database's clock, so its answer is a function that has signed in there."""
    assert subject.gateway is not None
    try:
        service = subject.gateway.service()
    except RequestFailed as failed:
        if failed.status != 503:
            raise
        yield fail(
            "database",
            "the functions can't reach it: GET /v1/service answers 503",
            f"scrutineer doctor --after --stack {subject.environment.stack}   # for what the proxy says",
        )
        return
    now = "open" if service["open"] else f"closed until {service['opens_at']}"
    yield ok("database", f"a function has signed in to it; the service is {now}, {service['held']} inspections held")


def proxy(subject: Subject) -> Iterator[Finding]:
    """Whether RDS Proxy has signed in to the database, and why not."""
    assert subject.stack is not None
    for deployed in subject.stack.of_type("AWS::RDS::DBProxy"):
        targets = list(
            subject.account.all("rds", "describe_db_proxy_targets", "Targets", DBProxyName=deployed.physical_id)
        )
        for target in targets:
            health = target.get("TargetHealth") or {}
            if health.get("State") == "AVAILABLE":
                yield ok("database proxy", f"{target.get('RdsResourceId', 'the database')} is AVAILABLE behind it")
            else:
                why = ", ".join(str(health[name]) for name in ("Reason", "Description") if health.get(name))
                state = health.get("State", "unknown")
                yield fail(
                    "database proxy",
                    f"{target.get('RdsResourceId', 'the database')} is {state}: {why or 'no reason given'}",
                    f"aws rds describe-db-proxy-targets --db-proxy-name {deployed.physical_id}",
                )
        if not targets:
            yield fail("database proxy", "there is no database behind it", subject.environment.deploy)


def migrations(subject: Subject) -> Iterator[Finding]:
    """As the last deployment noted them: complete is what its function has answered to be up to date."""
    assert subject.stack is not None
    for migration in subject.stack.of_type("Custom::Migration"):
        if migration.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            yield ok("migrations", "the last deployment brought the tables up to date")
        else:
            yield fail(
                "migrations",
                f"{migration.path} is {migration.status}",
                f"aws cloudformation describe-stack-events --stack-name {subject.environment.stack}   # for its reason",
            )


def tables(subject: Subject) -> Iterator[Finding]:
    """As a database that is reached from here says itself, where one is given."""
    from scrutineer.database_address import parse, reached
    from scrutineer.migrations import pending_migrations

    if subject.database is None:
        return
    with reached():
        pending = pending_migrations(parse(subject.database), subject.root / "database")
    if pending:
        yield fail("tables", f"not applied yet: {', '.join(pending)}", "scrutineer migrate")
    else:
        yield ok("tables", "they are up to date")


def records(subject: Subject) -> Iterator[Finding]:
    """API Gateway's keys and usage plans beside the rows that they are made from."""
    assert subject.gateway is not None
    differences = subject.gateway.gateway()["differences"]
    for each in differences[:10]:
        yield fail("gateway records", f"{each['record']}: {each['problem']}", "scrutineer gateway mend")
    if len(differences) > 10:
        yield fail("gateway records", f"and {len(differences) - 10} more", "scrutineer gateway mend")
    if not differences:
        yield ok("gateway records", "API Gateway holds what the database says")
