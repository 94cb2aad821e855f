"""What is only read: use of a client's plan, the audit log, the role × action table, and who one is oneself."""

import json
from datetime import date, timedelta

from admin.clients import check_exists
from admin.report_contract import AuditLine, AuditPage, Limit, Me, RoleRights, Roles, Usage, UsageDay
from admin.rows import page, shown
from core.database import Database, Row
from core.errors import InvalidRequest
from core.principal import Principal
from core.roles import ACROSS_CLIENTS, GRANTS, MAY, Role
from core.usage import UsageRecords

DEFAULT_DAYS, LONGEST_DAYS = 30, 366


class Reports:
    """Queries over one `Database`. All raise Unavailable when it is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def me(self, principal: Principal) -> Me:
        allowance = UsageRecords(self._database).allowance(principal.client_id)
        return Me(
            client_id=principal.client_id,
            actor=principal.actor,
            role=principal.role,
            scopes=sorted(principal.scopes),
            plan=allowance.plan,
            tasks=sorted(allowance.tasks),
            max_photos=allowance.max_photos,
            default_wait_s=allowance.default_wait_s,
            max_wait_s=allowance.max_wait_s,
            rate_per_s=allowance.rate_per_s,
            burst=allowance.burst,
            limits=[
                Limit(name=each.name, most=each.most, used=each.used, left=each.left, resets_in_s=each.resets_in_s)
                for each in allowance.limits
            ],
        )

    def usage(self, principal: Principal, client_id: str, first: date | None, last: date | None) -> Usage:
        """Days from `first` to `last`, both included; the last 30 where nothing is said. Raises InvalidRequest."""
        check_exists(self._database, principal, client_id)
        counters = self._database.one(
            "SELECT UTC_DATE() AS today, COALESCE(SUM(IF(day = UTC_DATE(), day_count, 0)), 0) AS day_count,"
            " COALESCE(SUM(IF(month = UTC_DATE() - INTERVAL (DAYOFMONTH(UTC_DATE()) - 1) DAY, month_count, 0)), 0)"
            " AS month_count, COALESCE(SUM(running), 0) AS running FROM client_usage WHERE client_id = %s",
            (client_id,),
        )
        assert counters is not None
        last = last or counters["today"]
        first = first or last - min(timedelta(days=DEFAULT_DAYS - 1), last - date.min)
        if not timedelta(0) <= last - first < timedelta(days=LONGEST_DAYS):
            raise InvalidRequest(f"from: Not after to, and at most {LONGEST_DAYS} days.", field="from")
        days = self._database.all(
            "SELECT day, task, accepted, refunded FROM client_usage_days WHERE client_id = %s AND day BETWEEN %s AND %s"
            " ORDER BY day, task",
            (client_id, first, last),
        )
        return Usage(
            client_id=client_id,
            today=int(counters["day_count"]),
            this_month=int(counters["month_count"]),
            running=int(counters["running"]),
            days=[shown(UsageDay, row) for row in days],
        )

    def audit(
        self,
        principal: Principal,
        *,
        client_id: str | None,
        actor: str | None,
        deed: str | None,
        before: int | None,
        limit: int,
    ) -> AuditPage:
        """Newest first; whose role ends with their client sees that one's lines."""
        rows = self._database.all(
            "SELECT sequence, at, actor, actor_role, client_id, action, target, before_it, after_it, source_ip,"
            " request_id FROM audit_log WHERE (%(before)s IS NULL OR sequence < %(before)s)"
            " AND (%(own)s IS NULL OR client_id = %(own)s) AND (%(client_id)s IS NULL OR client_id = %(client_id)s)"
            " AND (%(actor)s IS NULL OR actor = %(actor)s) AND (%(deed)s IS NULL OR action = %(deed)s)"
            f" ORDER BY sequence DESC LIMIT {int(limit) + 1}",
            {
                "own": None if principal.role in ACROSS_CLIENTS else principal.client_id,
                "client_id": client_id,
                "actor": actor,
                "deed": deed,
                "before": before,
            },
        )
        found, cursor = page(rows, limit, "sequence")
        return AuditPage(lines=[_line(row, principal) for row in found], next_cursor=cursor)


def role_table() -> Roles:
    """As the check uses it."""
    return Roles(
        roles=[
            RoleRights(
                role=role,
                actions=sorted(MAY[role]),
                across_clients=role in ACROSS_CLIENTS,
                may_grant=sorted(GRANTS.get(role, ())),
            )
            for role in Role
        ]
    )


def _line(row: Row, principal: Principal) -> AuditLine:
    # Where the installation's administrators sit is none of a client's business.
    hidden = principal.role not in ACROSS_CLIENTS and row["actor_role"] in ACROSS_CLIENTS
    return shown(
        AuditLine,
        row
        | {
            "before": json.loads(row["before_it"]) if row["before_it"] else None,
            "after": json.loads(row["after_it"]) if row["after_it"] else None,
            "source_ip": None if hidden else row["source_ip"],
        },
    )
