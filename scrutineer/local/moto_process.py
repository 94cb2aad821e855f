"""The process behind `AwsServices`: moto's server on 127.0.0.1, with its queues made safe for concurrent use.

`python -m scrutineer.local.moto_process PORT`
"""

import logging
import sys
from typing import Any

from moto.moto_server.werkzeug_app import create_backend_app
from moto.server import main as serve
from moto.sqs.models import Queue

from scrutineer.local.ports import HOST


def main(port: str) -> None:
    # One line a request would fill the disk and costs half a millisecond each.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    make_delete_safe()
    for service in ("sqs", "s3", "secretsmanager"):
        # Else the first request to each of them pays for the import.
        create_backend_app(service)
    serve(["-H", HOST, "-p", port])


def make_delete_safe() -> None:
    """moto 5.2.5 deletes by building a new list without the queue's lock, and loses what is sent meanwhile."""
    delete_unsafely = Queue.delete_message

    def delete_message(self: Any, receipt_handle: str) -> None:
        with self._messages_lock:
            delete_unsafely(self, receipt_handle)

    Queue.delete_message = delete_message  # type: ignore[method-assign]


if __name__ == "__main__":
    main(sys.argv[1])
