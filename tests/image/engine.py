"""A Docker engine by its command line, and the containers that a test has running on it."""

import json
import shlex
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

# Runs inside of the container, for one without a network can be asked from nowhere else. Reads a JSON list of
# [method, path, body] or, to wait until the model is there, "ready"; prints [status, seconds, content] of each answer.
ASK = """
import json, sys, time, urllib.error, urllib.request

def ask(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    url, headers = f"http://127.0.0.1:8080{path}", {"content-type": "application/json"}
    request = urllib.request.Request(url, data, headers, method=method)
    started = time.perf_counter()
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            status, content = response.status, response.read()
    except urllib.error.HTTPError as error:
        status, content = error.code, error.read()
    return [status, time.perf_counter() - started, json.loads(content)]

def until_ready():
    answers, end = [], time.monotonic() + 120
    while time.monotonic() < end:
        try:
            answers.append(ask("GET", "/ping"))
        except (OSError, urllib.error.URLError):
            pass
        if answers and answers[-1][2]["state"] != "STARTING":
            break
        time.sleep(0.02)
    return answers

wanted = json.load(sys.stdin)
print(json.dumps(until_ready() if wanted == "ready" else [ask(*each) for each in wanted]))
"""


class EngineError(Exception):
    """What the engine said."""


@dataclass(frozen=True)
class Answer:
    """Of the server in the container; the seconds are those of the request alone."""

    status: int
    seconds: float
    content: Any


class Engine:
    """`command` is how `docker` is called here, such as `docker` or `sudo docker`."""

    def __init__(self, command: str) -> None:
        self._command = shlex.split(command)

    def run(self, *arguments: str, stdin: str | None = None, timeout_s: float = 180) -> str:
        """The output of a command of docker's; raises EngineError."""
        try:
            done = subprocess.run(
                [*self._command, *arguments], input=stdin, capture_output=True, text=True, timeout=timeout_s
            )
        except FileNotFoundError as error:
            raise EngineError(f"there is no {self._command[0]}") from error
        if done.returncode:
            raise EngineError(done.stderr.strip() or f"{arguments[0]} ended with {done.returncode}")
        return done.stdout

    @contextmanager
    def container(
        self, image: str, options: Sequence[str], command: Sequence[str] = ("serve",)
    ) -> Iterator["Container"]:
        """`docker run <options> <image> serve` until the block ends."""
        name = self.run("run", "--detach", *options, image, *command).strip()
        try:
            yield Container(self, name)
        finally:
            self.run("rm", "--force", "--volumes", name)

    def inspect(self, name: str) -> Mapping[str, Any]:
        (found,) = json.loads(self.run("inspect", name))
        described: Mapping[str, Any] = found
        return described


@dataclass(frozen=True)
class Container:
    """One that was started."""

    engine: Engine
    name: str

    def pings_until_ready(self) -> list[Answer]:
        """Every answer of /ping from the first one on, up to the one that doesn't say STARTING."""
        return self._ask("ready")

    def ask(self, method: str, path: str, body: Any = None) -> Answer:
        (answer,) = self._ask([[method, path, body]])
        return answer

    def stop(self) -> int:
        """SIGTERM, and SIGKILL after 30 s, as SageMaker does; returns the exit status."""
        self.engine.run("stop", "--time", "30", self.name)
        status: int = self.engine.inspect(self.name)["State"]["ExitCode"]
        return status

    def wait(self) -> int:
        """Returns the exit status once it ended by itself."""
        return int(self.engine.run("wait", self.name))

    def log(self) -> list[Mapping[str, Any]]:
        """Its lines, each a JSON object."""
        return [json.loads(line) for line in self.engine.run("logs", self.name).splitlines()]

    def changed(self) -> list[str]:
        """Paths that differ from the image."""
        return [line.partition(" ")[2] for line in self.engine.run("diff", self.name).splitlines()]

    def _ask(self, wanted: Any) -> list[Answer]:
        printed = self.engine.run("exec", "--interactive", self.name, "python3", "-c", ASK, stdin=json.dumps(wanted))
        return [Answer(*each) for each in json.loads(printed)]
