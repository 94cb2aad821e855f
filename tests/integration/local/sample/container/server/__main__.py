"""A container without a model: answers, fails, dawdles or dies as the request asks."""

import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format, *args):
        pass

    def do_GET(self):
        self.reply(200 if self.path == "/ping" else 404, b"")

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if asked.get("act") == "die":
            os._exit(1)
        time.sleep(asked.get("sleep_s", 0))
        answer = {"model": os.environ["MODEL_DIR"], "custom": self.headers.get("X-Amzn-SageMaker-Custom-Attributes")}
        self.reply(asked.get("status", 200), json.dumps(answer).encode())

    def reply(self, status, body):
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
