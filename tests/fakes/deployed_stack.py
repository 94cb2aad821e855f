"""A deployed stack as boto3 meets it: CloudFormation that knows its functions, and Lambda that runs them."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.fakes.http_serving import on_a_thread

STACK, FUNCTION = "scrutineer-dev", "scrutineer-dev-MigrateFunction-1A2B3C"
RESOURCE = f"""<DescribeStackResourceResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/">
<DescribeStackResourceResult><StackResourceDetail><LogicalResourceId>MigrateFunction</LogicalResourceId>
<PhysicalResourceId>{FUNCTION}</PhysicalResourceId></StackResourceDetail></DescribeStackResourceResult>
</DescribeStackResourceResponse>"""
NONE = """<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code>
<Message>Stack 'other' does not exist</Message></Error></ErrorResponse>"""


class DeployedStack(ThreadingHTTPServer):
    """`events` were sent to the function, whose answer `function` makes; a None of it is an unhandled error."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.events: list[Any] = []
        self.function: Callable[[Any], Any] = lambda event: {}

    @property
    def environment(self) -> dict[str, str]:
        """What leads boto3 here."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.server_port}",
            "AWS_ACCESS_KEY_ID": "x",
            "AWS_SECRET_ACCESS_KEY": "x",
            "AWS_DEFAULT_REGION": "eu-west-1",
        }


@contextmanager
def deployed() -> Iterator[DeployedStack]:
    with on_a_thread(DeployedStack()) as server:
        yield server


class _Handler(BaseHTTPRequestHandler):
    server: DeployedStack

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == f"/2015-03-31/functions/{FUNCTION}/invocations":
            self.server.events.append(json.loads(body))
            answer = self.server.function(self.server.events[-1])
            failed = {"X-Amz-Function-Error": "Unhandled"} if answer is None else {}
            self._answer(200, json.dumps(answer or {"errorType": "KeyError", "errorMessage": "hunter2"}), **failed)
        elif f"StackName={STACK}&".encode() in body + b"&" and b"LogicalResourceId=MigrateFunction" in body:
            self._answer(200, RESOURCE)
        else:
            self._answer(400, NONE)

    def _answer(self, status: int, text: str, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(text.encode())))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is to be read on stderr."""
