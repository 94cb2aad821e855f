"""What access control costs: the authorizer on every request, and what limits add to accepting an inspection.

Each part measures against a baseline of the same run. The authorizer runs in a real slot of the local stack
(awslambdaric in a process of its own, reached through the Runtime API) with a durable MariaDB and, for JWTs, an
issuer's key set on 127.0.0.1. Its baseline is a slot whose handler does nothing, asked in turns with it; what is added
is the difference of their percentiles. The slot's own time on a processor (Linux) stands beside it, for machines that
have other work to do.
"""

import json
import secrets
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from benchmarks import limits
from benchmarks.cold_start import imported_ms
from benchmarks.limits import Figures
from benchmarks.report import arguments, console, median, percentile, tell
from scrutineer.local.function_pool import FunctionPool
from scrutineer.local.processes import Processes
from scrutineer.local.settings import StackSettings
from scrutineer.local.stack import LocalStack

FUNCTION = "AuthorizerFunction"
CLIENT = "client_of_the_benchmark"
AUDIENCE, SUBJECT = "benchmark", "user-1"
AIM_P99_MS, AIM_IMPORT_MS = 5.0, 250.0
NOTHING, UNKNOWN = "(a handler that does nothing)", "key, unknown"
WARM_UP = 50


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="which to measure; all of them if none is named")
    parser.add_argument("--requests", type=int, default=1000, help="measured requests of each kind")
    options = parser.parse_args()
    chosen = options.parts or list(PARTS)
    for name in chosen:
        part = PARTS[name](options.requests)
        file: Path | None = options.json
        if file is not None and len(chosen) > 1:
            file = file.with_stem(f"{file.stem}-{name}")
        tell(part.title, part.rows, file, **part.more)


# --------------------------------------------------------------------------------------------------- the authorizer


def authorizer(requests: int) -> Figures:
    with issuer() as (url, sign), measured_stack(url) as (stack, empty):
        keys = [f"scr_{secrets.token_urlsafe(32)}" for _ in range(2 * (requests + WARM_UP))]
        fill(stack, url, used=keys[: len(keys) // 2], unused=keys[len(keys) // 2 :])
        used, unused = iter(keys[: len(keys) // 2]), iter(keys[len(keys) // 2 :])
        known, known_token = keys[0], sign("ES256")
        pool = stack.functions[FUNCTION]
        kinds: dict[str, tuple[FunctionPool, Callable[[], dict[str, str]]]] = {
            NOTHING: (empty, lambda: {"x-api-key": known}),
            "key, remembered": (pool, lambda: {"x-api-key": known}),
            "key, looked up": (pool, lambda: {"x-api-key": next(used)}),
            "key, looked up, its use noted": (pool, lambda: {"x-api-key": next(unused)}),
            UNKNOWN: (pool, lambda: {"x-api-key": secrets.token_urlsafe(32)}),
            "JWT, remembered": (pool, lambda: {"Authorization": f"Bearer {known_token}"}),
            "JWT of ES256, checked": (pool, lambda: {"Authorization": f"Bearer {sign('ES256')}"}),
            "JWT of RS256, checked": (pool, lambda: {"Authorization": f"Bearer {sign('RS256')}"}),
        }
        spent: dict[str, list[float]] = {kind: [] for kind in kinds}
        on_cpu: dict[str, list[float]] = {kind: [] for kind in kinds}
        for number in range(WARM_UP + requests):
            for kind, (asked, headers) in kinds.items():
                before_ms = cpu_ms(asked)
                spent_ms = invoked_ms(asked, headers(), refused=kind == UNKNOWN)
                if number >= WARM_UP:
                    spent[kind].append(spent_ms)
                    on_cpu[kind].append(cpu_ms(asked) - before_ms)
    p50, p99 = ({kind: percentile(values, share) for kind, values in spent.items()} for share in (0.5, 0.99))
    rows = [
        {
            "request": kind,
            "p50 ms": p50[kind],
            "p99 ms": p99[kind],
            "added p50 ms": p50[kind] - p50[NOTHING],
            "added p99 ms": p99[kind] - p99[NOTHING],
            "CPU p50 ms": percentile(on_cpu[kind], 0.5),
            "CPU p99 ms": percentile(on_cpu[kind], 0.99),
        }
        for kind in kinds
    ]
    imported, empty_module = (median([imported_ms(module) for _ in range(9)]) for module in ("authorizer.app", "core"))
    return Figures(
        title=f"The authorizer, warm, one request after another, {requests} of each kind",
        rows=rows,
        more={
            "aim_added_p99_ms": AIM_P99_MS,
            "aim_met": max(p99.values()) - p99[NOTHING] <= AIM_P99_MS,
            "import_ms": imported,
            "import_of_an_empty_module_ms": empty_module,
            "aim_import_ms": AIM_IMPORT_MS,
            "import_aim_met": imported <= AIM_IMPORT_MS,
        },
    )


def invoked_ms(pool: FunctionPool, headers: dict[str, str], *, refused: bool) -> float:
    """Milliseconds of one invocation, which must end as it should."""
    event = json.dumps(event_with(headers)).encode()
    start = time.perf_counter()
    result = pool.invoke(event)
    spent_ms = (time.perf_counter() - start) * 1000
    if refused != (b'"errorMessage": "Unauthorized"' in result.payload) or refused != bool(result.function_error):
        raise RuntimeError(result.payload.decode())
    return spent_ms


def cpu_ms(pool: FunctionPool) -> float:
    """What the pool's only slot has spent on a processor since it began; what else the machine does counts little."""
    slots = pool.slots()
    return int(Path(f"/proc/{slots[0].pid}/schedstat").read_text().split()[0]) / 1_000_000 if slots else 0.0


def event_with(headers: dict[str, str]) -> dict[str, Any]:
    return {
        "type": "REQUEST",
        "methodArn": "arn:aws:execute-api:eu-west-1:000000000000:local0/dev/GET/v1/inspections",
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "requestContext": {"requestId": "00000000-0000-0000-0000-000000000000"},
    }


@contextmanager
def measured_stack(issuer_url: str) -> Iterator[tuple[LocalStack, FunctionPool]]:
    """A stack without an endpoint, one warm authorizer, and beside it a slot whose handler does nothing."""
    settings = StackSettings(
        start_endpoint=False,
        durable_database=True,
        max_slots={FUNCTION: 1},
        parameters={"JwtIssuer": issuer_url, "JwtAudience": AUDIENCE, "JwtJwksUrl": f"{issuer_url}/jwks.json"},
    )
    with ExitStack() as cleanup:
        stack = cleanup.enter_context(LocalStack(settings, progress=console.print))
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory()))
        (folder / "nothing.py").write_text("def handler(event, context):\n    return {}\n")
        empty = FunctionPool(
            replace(stack.functions[FUNCTION].spec, logical_id="Nothing", handler="nothing.handler", code_dir=folder),
            max_slots=1,
            slot_wait_s=30,
            starts=threading.Semaphore(1),
            environment={},
            python=settings.python,
            log_path=folder / "log",
            processes=cleanup.enter_context(Processes()),
        )
        cleanup.callback(empty.stop)
        yield stack, empty


def fill(stack: LocalStack, issuer_url: str, *, used: Sequence[str], unused: Sequence[str]) -> None:
    """A client, its keys, used this minute or never, and one member."""
    with stack.database.open() as connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO clients (client_id, name, plan, created_at) VALUES (%s, 'c', 'standard', UTC_TIMESTAMP(6))",
            (CLIENT,),
        )
        cursor.executemany(
            "INSERT INTO api_keys (key_id, client_id, name, key_hash, role, created_at, last_used_at)"
            " VALUES (%s, %s, 'k', %s, 'client-admin', UTC_TIMESTAMP(6),"
            " IF(%s, UTC_TIMESTAMP(6) + INTERVAL 1 HOUR, NULL))",
            [
                (f"key_{number}", CLIENT, sha256(key.encode()).digest(), number < len(used))
                for number, key in enumerate([*used, *unused])
            ],
        )
        cursor.execute(
            "INSERT INTO members (member_id, client_id, name, issuer, subject, role, created_at)"
            " VALUES ('member_1', %s, 'm', %s, %s, 'client-admin', UTC_TIMESTAMP(6))",
            (CLIENT, issuer_url, SUBJECT),
        )
        connection.commit()


@contextmanager
def issuer() -> Iterator[tuple[str, Callable[[str], str]]]:
    """Its address, and what makes another token, signed as asked, each time it is called."""
    private: dict[str, Any] = {
        "RS256": rsa.generate_private_key(65537, 2048),
        "ES256": ec.generate_private_key(ec.SECP256R1()),
    }
    public = [
        {**kind.to_jwk(private[name].public_key(), as_dict=True), "kid": name, "alg": name}
        for name, kind in (("RS256", RSAAlgorithm), ("ES256", ECAlgorithm))
    ]
    document = json.dumps({"keys": public}).encode()

    class Keys(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(document)))
            self.end_headers()
            self.wfile.write(document)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing is to be read on stderr."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Keys)
    url = f"http://127.0.0.1:{server.server_port}"

    def sign(algorithm: str) -> str:
        now = int(time.time())
        claims = {
            "iss": url,
            "aud": AUDIENCE,
            "sub": SUBJECT,
            "iat": now,
            "exp": now + 3600,
            "jti": secrets.token_hex(),
        }
        return jwt.encode(claims, private[algorithm], algorithm, headers={"kid": algorithm})

    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield url, sign
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


# ------------------------------------------------------------------------------------------------------- all of them

PARTS: dict[str, Callable[[int], Figures]] = {
    "authorizer": authorizer,
    "accepting": limits.accepting,
    "throttle": limits.throttle,
}

if __name__ == "__main__":
    main()
