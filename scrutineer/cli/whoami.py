"""`scrutineer whoami`: for whom the key speaks, and what is left of the plan."""

from scrutineer.cli.administration import AsJson, show_json, signed_in
from scrutineer.cli.console import out
from scrutineer.cli.gateway_address import Key, Url
from scrutineer.cli.tables import show_record, show_rows

LIMITS = (
    ("Limit", "name"),
    ("At most", "most"),
    ("Used", "used"),
    ("Left", "left"),
    ("Starts anew in, s", "resets_in_s"),
)


def whoami(url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """Show whom the key stands for, what it may do, and what is left of its plan."""
    with signed_in(url, key) as admin:
        me = admin.me()
    if as_json:
        show_json(me)
        return
    show_record(out, {name: value for name, value in me.items() if name != "limits"})
    out.print()
    show_rows(out, me["limits"], LIMITS, none="The plan has no quota and no limit of what runs at once.")
