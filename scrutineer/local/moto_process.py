"""The process behind `AwsServices`: moto's server on 127.0.0.1, with what the local gateway asks of its records.

`python -m scrutineer.local.moto_process PORT`
"""

import logging
import sys
from typing import Any

from moto import backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import run_simple

from scrutineer.local.bucket_cors import rules_in_moto, with_bucket_cors
from scrutineer.local.moto_records import with_records
from scrutineer.local.ports import HOST
from scrutineer.local.post_policy import with_post_policies


def main(port: str) -> None:
    # One line a request would fill the disk and costs half a millisecond each.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    remember_modules()
    # Else the first request pays for the import.
    create_backend_app("s3")
    moto = DomainDispatcherApplication(create_app)
    application = with_records(with_bucket_cors(with_post_policies(moto), rules_in_moto))
    run_simple(HOST, int(port), application, threaded=True, request_handler=MotoRequestHandler)


def create_app(service: Any) -> Any:
    """moto's application for `service`; it asks for each at the first call of it."""
    app = create_backend_app(service)
    if service == "apigateway":
        from scrutineer.local.moto_usage_plans import correct_usage_plans

        correct_usage_plans()
    return app


def remember_modules() -> None:
    """moto 5.2.5 lists its own folder, 175 calls of stat, at every request: a third of its time."""
    modules = list(backends.list_of_moto_modules())
    backends.list_of_moto_modules = lambda: iter(modules)


if __name__ == "__main__":
    main(sys.argv[1])
