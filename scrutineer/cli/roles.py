"""`scrutineer roles`: what each role may do."""

from scrutineer.cli.administration import AsJson, show_json, signed_in
from scrutineer.cli.console import out
from scrutineer.cli.gateway_address import Key, Url
from scrutineer.cli.tables import show_rows

COLUMNS = (
    ("Role", "role"),
    ("Across clients", "across_clients"),
    ("May give", "may_grant"),
    ("May", "actions"),
)


def roles(url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """Show the roles: what each may do, whether to all clients, and which roles it may give."""
    with signed_in(url, key) as admin:
        found = admin.roles()
    if as_json:
        show_json(found)
    else:
        show_rows(out, found["roles"], COLUMNS, none="There are no roles.")
