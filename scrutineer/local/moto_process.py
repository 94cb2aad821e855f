"""The process behind `AwsServices`: moto's server on 127.0.0.1.

`python -m scrutineer.local.moto_process PORT`
"""

import logging
import sys

from moto import backends
from moto.moto_server.werkzeug_app import create_backend_app
from moto.server import main as serve

from scrutineer.local.ports import HOST


def main(port: str) -> None:
    # One line a request would fill the disk and costs half a millisecond each.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    remember_modules()
    # Else the first request pays for the import.
    create_backend_app("s3")
    serve(["-H", HOST, "-p", port])


def remember_modules() -> None:
    """moto 5.2.5 lists its own folder, 175 calls of stat, at every request: a third of its time."""
    modules = list(backends.list_of_moto_modules())
    backends.list_of_moto_modules = lambda: iter(modules)


if __name__ == "__main__":
    main(sys.argv[1])
