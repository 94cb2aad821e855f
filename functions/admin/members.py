"""Members of a client: people by their sign-in, machines in AWS by their ARN."""

import re

from admin.changes import Caller, Change, Changes
from admin.clients import check_exists
from admin.contract import DryRun, Member, MemberChange, MemberPage, NewMember
from admin.permissions import check_admin_remains, check_may_give, check_may_take
from admin.rows import page, shown
from core.audit import Deed
from core.database import Database, DuplicateKey, Transaction
from core.errors import Conflict, Forbidden, NotFound
from core.identifiers import new_identifier
from core.principal import Principal
from core.principal_records import IAM, role_arn
from core.roles import Role

COLUMNS = "member_id, client_id, name, issuer, subject, role, created_at"


class Members:
    """Raises NotFound for what the principal does not reach, Forbidden for what it may not give or take."""

    def __init__(self, database: Database, changes: Changes) -> None:
        self._database = database
        self._changes = changes

    def page(self, principal: Principal, client_id: str, *, after: str | None, limit: int) -> MemberPage:
        check_exists(self._database, principal, client_id)
        rows = self._database.all(
            f"SELECT {COLUMNS} FROM members WHERE client_id = %(client_id)s"
            f" AND (%(after)s IS NULL OR member_id > %(after)s) ORDER BY member_id LIMIT {int(limit) + 1}",
            {"client_id": client_id, "after": after},
        )
        found, cursor = page(rows, limit, "member_id")
        return MemberPage(members=[shown(Member, row) for row in found], next_cursor=cursor)

    def create(self, caller: Caller, client_id: str, new: NewMember) -> Member | DryRun:
        """Raises Conflict for an identity that is a member already, of whichever client; Forbidden for a machine that
        no admin adds.
        """

        def work(transaction: Transaction) -> Change[Member]:
            check_exists(transaction, caller.principal, client_id)
            check_may_give(caller.principal, new.role)
            _check_may_vouch(caller.principal, new)
            member_id = new_identifier("member")
            transaction.execute(
                "INSERT INTO members (member_id, client_id, name, issuer, subject, role, created_at)"
                " VALUES (%s, %s, %s, %s, %s, %s, UTC_TIMESTAMP(6))",
                (member_id, client_id, new.name, new.issuer, _subject(new), new.role.value),
            )
            member = _found(transaction, caller.principal, client_id, member_id)
            return Change(Deed.CREATE_MEMBER, member_id, client_id, None, member, member)

        try:
            return self._changes.make(caller, work)
        except DuplicateKey as error:
            raise Conflict("This subject of this issuer can't be added: an identity is one member.") from error

    def update(self, caller: Caller, client_id: str, member_id: str, change: MemberChange) -> Member | DryRun:
        """Raises Forbidden for one's own role, Conflict for that of the last admin."""

        def work(transaction: Transaction) -> Change[Member]:
            before = _found(transaction, caller.principal, client_id, member_id)
            check_may_take(caller.principal, before.role)
            role = change.role if "role" in change.model_fields_set else before.role
            if role is not before.role:
                _check_is_another(caller.principal, member_id)
                check_may_give(caller.principal, role)
            transaction.execute(
                "UPDATE members SET name = %s, role = %s WHERE member_id = %s",
                (change.name if "name" in change.model_fields_set else before.name, role.value, member_id),
            )
            if before.role is Role.ADMIN:
                check_admin_remains(transaction)
            after = _found(transaction, caller.principal, client_id, member_id)
            return Change(Deed.UPDATE_MEMBER, member_id, client_id, before, after, after)

        return self._changes.make(caller, work)

    def delete(self, caller: Caller, client_id: str, member_id: str) -> DryRun | None:
        """Raises Forbidden for oneself, Conflict for the last admin."""

        def work(transaction: Transaction) -> Change[None]:
            before = _found(transaction, caller.principal, client_id, member_id)
            check_may_take(caller.principal, before.role)
            _check_is_another(caller.principal, member_id)
            transaction.execute("DELETE FROM members WHERE member_id = %s", (member_id,))
            if before.role is Role.ADMIN:
                check_admin_remains(transaction)
            return Change(Deed.DELETE_MEMBER, member_id, client_id, before, None, None)

        return self._changes.make(caller, work)


def _check_may_vouch(principal: Principal, new: NewMember) -> None:
    """An ARN can be guessed: whoever adds another client's machine first would have its photos come to them."""
    if new.issuer == IAM and principal.role is not Role.ADMIN:
        raise Forbidden("Machines in AWS are added by an admin of the installation.", field="issuer")


def _found(transaction: Transaction, principal: Principal, client_id: str, member_id: str) -> Member:
    check_exists(transaction, principal, client_id)
    row = transaction.one(
        f"SELECT {COLUMNS} FROM members WHERE client_id = %s AND member_id = %s", (client_id, member_id)
    )
    if row is None or row["member_id"] != member_id:
        raise NotFound("There is no such member.")
    return shown(Member, row)


def _check_is_another(principal: Principal, member_id: str) -> None:
    if member_id == principal.actor:
        raise Forbidden("Nobody changes or removes their own role.", field="role")


def _subject(new: NewMember) -> str:
    """An IAM role as it will be looked up: by its ARN without a path, which the ARN of its sessions does not have."""
    if new.issuer != IAM:
        return new.subject
    return re.sub(r":role/.*/", ":role/", role_arn(new.subject))
