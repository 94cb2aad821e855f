"""The local stack as a whole: starts every part, in parallel where it can, and leaves nothing behind."""

import json
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from starlette.types import ASGIApp

from scrutineer.database_address import Connection
from scrutineer.local.async_invoker import AsyncInvoker
from scrutineer.local.asynchronous_runtime import create_app as create_asynchronous_runtime
from scrutineer.local.aws_services import AwsServices, make_client
from scrutineer.local.container import Container
from scrutineer.local.database import Database
from scrutineer.local.errors import TemplateInvalid
from scrutineer.local.function_environment import function_environment
from scrutineer.local.function_pool import FunctionPool, InvokeResult
from scrutineer.local.gateway import Gateway
from scrutineer.local.http_server import HttpServer
from scrutineer.local.iam_identities import finder
from scrutineer.local.machines import Machine, create_machine
from scrutineer.local.overrides import overridden
from scrutineer.local.plan_records import PlanRecords, reader
from scrutineer.local.pollers import Poller
from scrutineer.local.ports import HOST, free_port
from scrutineer.local.processes import Processes
from scrutineer.local.queue_service import QueueService
from scrutineer.local.queues import Queue, make_queues
from scrutineer.local.roles import Roles
from scrutineer.local.sagemaker_runtime import create_app as create_sagemaker_runtime
from scrutineer.local.schedules import Schedule
from scrutineer.local.settings import StackSettings
from scrutineer.local.signals import termination_as_exit, uninterrupted
from scrutineer.local.stand_ins import COMPONENT_NAME, ENDPOINT_NAME, database_secrets
from scrutineer.local.template import load_template
from scrutineer.local.template_model import ACCOUNT, REGION, Template
from scrutineer.local.usage_plans import UsagePlans
from scrutineer.migrations import bring_up_to_date

PATIENCE_S = 2.0


class LocalStack:
    """A context manager. `progress` gets a line for whatever takes longer than 2 s, and at most one a second."""

    def __init__(self, settings: StackSettings, progress: Callable[[str], None] = lambda line: None) -> None:
        self.settings = settings
        self._progress = progress
        self._cleanup = ExitStack()
        self.functions: dict[str, FunctionPool] = {}
        self.queues: dict[str, Queue] = {}

    template: Template
    url: str
    """The API's address, stage included, without a slash at the end."""
    services_url: str
    """All AWS services but SQS and SageMaker's runtime."""
    queues_url: str
    sagemaker_runtime_url: str
    endpoint_url: str | None
    database_server: Database
    services: AwsServices
    container: Container | None
    roles: Roles
    """What each function may ask of AWS, and what it did ask."""
    data_dir: Path

    @property
    def database(self) -> Connection:
        """The owner's connection, who may do more than the functions."""
        return self.database_server.connection

    @property
    def logs(self) -> Path:
        return self.data_dir / "logs"

    @property
    def api_arn(self) -> str:
        """What the ARN of every method of the API begins with: `…/{method}/{path}` follows."""
        (api,) = self.template.apis.values()
        return f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api.api_id}/{api.stage}"

    def create_machine(self, name: str, policy: Mapping[str, Any]) -> Machine:
        """An IAM user of this stack with an access key and `policy`, an IAM policy document."""
        return create_machine(self.client("iam"), name, policy)

    def client(self, service: str) -> Any:
        """A boto3 client of this stack's services."""
        own = {"sqs": self.queues_url, "sagemaker-runtime": self.sagemaker_runtime_url}
        return make_client(service, own.get(service, self.services_url))

    def invoke(self, function: str, event: Any) -> InvokeResult:
        """Synchronously, past the gateway and the queues."""
        return self.functions[function].invoke(json.dumps(event).encode())

    def invoke_async(self, function: str, event: Any) -> None:
        self._async_invoker.invoke(self.functions[function], json.dumps(event).encode())

    def __enter__(self) -> Self:
        try:
            self._cleanup.enter_context(termination_as_exit())
            self._start()
        except BaseException:
            self._cleanup.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends every part; safe to call twice."""
        with uninterrupted():
            self._cleanup.close()

    def _start(self) -> None:
        settings = self.settings
        processes = self._processes = self._cleanup.enter_context(Processes())
        self._make_data_dir()
        self.services = AwsServices(free_port(), processes=processes, log_path=self.logs / "aws-services.log")
        self.services_url = self.services.url
        self.database_server = Database(
            self.data_dir / "database",
            cache=settings.cache,
            processes=processes,
            log_path=self.logs / "database.log",
            durable=settings.durable_database,
        )
        self.container = self._make_container()
        self.endpoint_url = self.container.url if self.container else settings.endpoint_url
        self._further = {name: self._container(folder, name) for name, folder in settings.further_models.items()}
        containers = [*([self.container] if self.container else []), *self._further.values()]
        with ThreadPoolExecutor(3 + len(containers)) as pool:
            endpoints = [pool.submit(container.start) for container in containers]
            self._wait_for(
                {
                    "the AWS services (moto)": pool.submit(self._start_services),
                    "the database (MariaDB; the first start on a machine fetches it)": pool.submit(
                        self._start_database
                    ),
                    "the functions": pool.submit(self._start_functions),
                }
            )
            self._start_event_sources()
            for endpoint in endpoints:
                # It loads a model, and the functions import what they need meanwhile.
                self._wait_for({"the endpoint container (it loads the model and tries it)": endpoint})

    def _start_services(self) -> None:
        self._cleanup.callback(self.services.stop)
        self.services.start()

    def _start_database(self) -> None:
        # A database that nobody will see again needs no orderly end.
        kept = self.settings.data_dir is not None
        self._cleanup.callback(self.database_server.stop if kept else self.database_server.kill)
        self.database_server.start()
        if self.settings.migrations:
            bring_up_to_date(self.database, self.database_server.application, self.settings.migrations)

    def _start_functions(self) -> None:
        """Reads the template; starts the gateway and, ahead of need, the functions."""
        settings = self.settings
        queues_port = free_port()
        self.queues_url = f"http://{HOST}:{queues_port}"
        addresses = {parameter: container.url for parameter, container in self._further.items()}
        parameters = {**settings.parameters, **addresses}
        self.template = overridden(
            load_template(settings.template, queues_url=self.queues_url, parameters=parameters), settings
        )
        if len(self.template.apis) != 1:
            raise TemplateInvalid(f"{settings.template} has {len(self.template.apis)} APIs; the local stack runs one")
        self.roles = Roles(self.template, self.data_dir / "roles")
        self.roles.check_event_sources()
        self.queues = make_queues(self.template.queues.values())
        self._serve(QueueService(self.queues), port=queues_port, name="queues")
        self.sagemaker_runtime_url = self._serve(self._sagemaker_runtime(), name="sagemaker-runtime").url
        starts = threading.Semaphore(max(2, os.cpu_count() or 2))
        for logical_id, spec in self.template.functions.items():
            self.functions[logical_id] = FunctionPool(
                spec,
                max_slots=self._max_slots(logical_id),
                slot_wait_s=settings.slot_wait_s if spec.reserved_concurrency is None else 0.0,
                starts=starts,
                environment=function_environment(
                    spec,
                    settings,
                    services_url=self.services_url,
                    queues_url=self.queues_url,
                    sagemaker_runtime_url=self.sagemaker_runtime_url,
                    database=self.database_server.application,
                    role=self.roles.environment(spec),
                ),
                python=settings.python,
                log_path=self.logs / f"{logical_id}.log",
                processes=self._processes,
            )
            self._cleanup.callback(self.functions[logical_id].stop)
        self._async_invoker = AsyncInvoker(settings.async_retry_delays_s)
        self._cleanup.callback(self._async_invoker.stop)
        (api,) = self.template.apis.values()
        self._records = PlanRecords(api, UsagePlans(api.plans, clock=time.monotonic), read=reader(self.services_url))
        gateway = Gateway(api, self.functions, records=self._records, find_identity=finder(self.services_url))
        self._cleanup.callback(gateway.close)
        server = self._serve(gateway, port=settings.gateway_port, name="gateway")
        self.url = f"{server.url}/{api.stage}"

    def _sagemaker_runtime(self) -> ASGIApp:
        settings = self.settings
        # Nothing listens on port 9, so that an absent endpoint is an unavailable one.
        container_url = self.endpoint_url or f"http://{HOST}:9"
        if settings.asynchronous:
            s3 = make_client("s3", self.services_url)
            self._cleanup.callback(s3.close)
            return create_asynchronous_runtime(
                ENDPOINT_NAME, container_url, s3=s3, cold_start_s=settings.endpoint_cold_start_s
            )
        return create_sagemaker_runtime(
            ENDPOINT_NAME,
            container_url,
            component=COMPONENT_NAME,
            cold_start_s=settings.endpoint_cold_start_s,
            payload_limit_bytes=settings.endpoint_payload_limit_bytes,
        )

    def _serve(self, app: ASGIApp, *, name: str, port: int = 0) -> HttpServer:
        server = HttpServer(app, port=port, name=name)
        self._cleanup.callback(server.stop)
        server.start()
        return server

    def _start_event_sources(self) -> None:
        self.services.create(self.template)
        self.services.create_secrets(database_secrets(self.database, self.database_server.application))
        self._records.start()
        self._cleanup.callback(self._records.stop)
        threading.Thread(target=self._warm_up, name="warm-up", daemon=True).start()
        sources = [source for source in self.template.event_sources if source.enabled]
        pollers = []
        for source in sources:
            pool = self.functions[source.function]
            poller = Poller(
                source,
                self.queues[source.queue],
                invoke=pool.invoke,
                concurrency=min(source.max_concurrency or pool.max_slots, pool.max_slots),
            )
            poller.start()
            pollers.append(poller)
        self._cleanup.callback(self._stop_pollers, pollers)
        for spec in self.template.schedules:
            if spec.enabled:
                pool = self.functions[spec.function]
                schedule = Schedule(
                    spec,
                    fire=lambda event, pool=pool: self._async_invoker.invoke(pool, event),  # type: ignore[misc]
                    every_s=self.settings.schedule_s.get(spec.logical_id),
                )
                self._cleanup.callback(schedule.stop)
                schedule.start()

    def _warm_up(self) -> None:
        """Level by level, so that each function has one slot before any has two."""
        for count in range(1, self.settings.warm_slots + 1):
            with ThreadPoolExecutor(4, thread_name_prefix="warm-up") as threads:
                for pool in self.functions.values():
                    threads.submit(pool.warm, min(count, pool.max_slots))

    def _stop_pollers(self, pollers: list[Poller]) -> None:
        for poller in pollers:
            poller.request_stop()
        for queue in self.queues.values():
            queue.close()
        for poller in pollers:
            poller.join(2)

    def _make_data_dir(self) -> None:
        if self.settings.data_dir is None:
            self.data_dir = Path(tempfile.mkdtemp(prefix="scrutineer-"))
            self._processes.remove_folder_at_end(self.data_dir)
            self._cleanup.callback(shutil.rmtree, self.data_dir, ignore_errors=True)
        else:
            self.data_dir = self.settings.data_dir.resolve()
        self.logs.mkdir(parents=True, exist_ok=True)

    def _make_container(self) -> Container | None:
        settings = self.settings
        if settings.endpoint_url or not settings.start_endpoint:
            return None
        return self._container(settings.model_dir, "endpoint-container")

    def _container(self, model_dir: Path, name: str) -> Container:
        settings = self.settings
        container = Container(
            settings.container_source,
            model_dir,
            processes=self._processes,
            log_path=self.logs / f"{name}.log",
            environment=settings.container_environment,
            start_limit_s=settings.container_start_limit_s,
        )
        self._cleanup.callback(container.stop)
        return container

    def _max_slots(self, logical_id: str) -> int:
        settings, spec = self.settings, self.template.functions[logical_id]
        if logical_id in settings.max_slots:
            return settings.max_slots[logical_id]
        if spec.reserved_concurrency is not None:
            return spec.reserved_concurrency
        wanted = sum(
            source.max_concurrency or 0 for source in self.template.event_sources if source.function == logical_id
        )
        return max(wanted, settings.default_max_slots)

    def _wait_for(self, parts: Mapping[str, Future[Any]]) -> None:
        """Returns when all are up; raises the first failure as soon as it is there."""
        start = told = time.monotonic()
        while True:
            for future in parts.values():
                if future.done() and future.exception():
                    # What still starts ends with its process, and its own error would hide this one.
                    self._processes.close()
                    future.result()
            if all(future.done() for future in parts.values()):
                return
            now = time.monotonic()
            if now - start > PATIENCE_S and now - told >= 1:
                told = now
                waiting = ", ".join(name for name, future in parts.items() if not future.done())
                self._progress(f"waiting for {waiting} ({now - start:.0f} s)")
            time.sleep(0.01)
