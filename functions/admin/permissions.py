"""What the role × action table cannot say: whose thing it is, which roles one may give, and that an admin remains."""

from collections.abc import Iterable

from core.database import Transaction
from core.errors import Conflict, Forbidden, NotFound
from core.principal import Principal, scopes_of
from core.roles import Action, Role, may_grant

_LIVE = (
    "SELECT k.key_id AS actor, k.client_id, k.role FROM api_keys k JOIN clients c ON c.client_id = k.client_id"
    " WHERE c.disabled_at IS NULL AND k.scopes IS NULL AND k.revoked_at IS NULL"
    " AND (k.expires_at IS NULL OR k.expires_at > UTC_TIMESTAMP(6))"
    " UNION ALL SELECT m.member_id, m.client_id, m.role FROM members m JOIN clients c ON c.client_id = m.client_id"
    " WHERE c.disabled_at IS NULL"
)


def check_reaches(principal: Principal, client_id: str) -> None:
    """Raises NotFound in the words for a client that does not exist."""
    if not principal.reaches(client_id):
        raise no_such_client()


def no_such_client() -> NotFound:
    return NotFound("There is no such client.")


def check_may_give(principal: Principal, role: Role, scopes: Iterable[Action] | None = None) -> None:
    """Nobody gives a role that is not theirs to give, nor rights they do not have. Raises Forbidden."""
    check_may_take(principal, role)
    if not scopes_of(role, scopes) <= principal.scopes:
        raise Forbidden("This gives more than you may do yourself.", field="scopes")


def check_may_take(principal: Principal, role: Role) -> None:
    """Whether the principal may change or take away what has this role. Raises Forbidden."""
    if not may_grant(principal.role, role):
        raise Forbidden(f"The role {principal.role} may not give or take the role {role}.", field="role")


def check_admin_remains(transaction: Transaction, *, without: str | None = None) -> None:
    """To be asked after the change: somebody, `without` aside, must still be an admin of unnarrowed rights.

    Raises Conflict.
    """
    row = transaction.one(
        f"SELECT 1 AS found FROM ({_LIVE}) live WHERE role = 'admin' AND actor <> %s LIMIT 1", (without or "",)
    )
    if row is None:
        raise Conflict("That would leave nobody who is an admin.")


def check_client_admin_remains(transaction: Transaction, client_id: str) -> None:
    """To be asked after somebody gave up the key they use: somebody of the client must be able to make another.

    Raises Conflict.
    """
    row = transaction.one(
        f"SELECT 1 AS found FROM ({_LIVE}) live WHERE role IN ('admin', 'client-admin') AND client_id = %s LIMIT 1",
        (client_id,),
    )
    if row is None:
        raise Conflict("This is the key you are using, and nobody else of the client could make another.")
