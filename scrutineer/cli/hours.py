"""`scrutineer hours`: whether the service is open, and how many inspections wait for it."""

from scrutineer.cli.administration import AsJson, show_json, signed_in
from scrutineer.cli.console import out
from scrutineer.cli.gateway_address import Key, Url
from scrutineer.cli.tables import show_record


def hours(url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """Show whether the service is open, when it opens and closes next, and how many inspections are held until then."""
    with signed_in(url, key) as admin:
        service = admin.service()
    if as_json:
        show_json(service)
    else:
        show_record(out, service)
