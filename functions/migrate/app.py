"""Custom resource of every deployment, and what an operator who may invoke the function asks of the database.

`{"migrate": {}}` answers `{"applied": […]}`; `{"bootstrap": {"client": NAME, …}}` makes the first admin and answers
with the key, which is shown nowhere else. A refusal answers `{"problem": {…}}`.
"""

import json
import os
import ssl
from dataclasses import asdict
from functools import cache
from typing import Any

import pymysql
from aws_lambda_powertools.utilities.typing import LambdaContext

from core import aws
from core.database import Database
from core.errors import InvalidRequest, ScrutineerError, problem
from core.observability import logger, traced
from core.settings import DatabaseSettings
from migrate import custom_resource
from migrate.errors import UpdateFailed
from migrate.first_admin import Wanted, make_first_admin
from migrate.schema import read_schema
from migrate.settings import Settings
from migrate.update import SignIn, Waits, update

CONNECT_TIMEOUT_S = 5


@cache
def settings() -> Settings:
    return Settings.from_environment(os.environ)


@logger.inject_lambda_context(clear_state=True)
@traced
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    if "RequestType" in event:
        remaining_s = context.get_remaining_time_in_millis() / 1000
        custom_resource.handle(event, _deploy, remaining_s=remaining_s)
        return {}
    try:
        return _operate(event)
    except UpdateFailed as error:
        logger.error("update failed", code=error.code, detail=error.detail)
        return {"problem": {"code": error.code, "detail": error.detail}}
    except ScrutineerError as error:
        return {"problem": problem(error)}


def _operate(event: dict[str, Any]) -> dict[str, Any]:
    if event == {"migrate": {}}:
        return {"applied": _update()}
    if set(event) == {"bootstrap"}:
        at = settings()
        database = Database(_as_application(at), trusted=at.trusted)
        try:
            return asdict(make_first_admin(database, Wanted.from_event(event["bootstrap"])))
        finally:
            database.close()
    raise InvalidRequest('Send {"migrate": {}} or {"bootstrap": {"client": NAME}}.')


def _deploy() -> dict[str, str]:
    """The user is what the functions sign in as: who takes the name from here waits until it is there."""
    _update()
    return {"User": _secret(settings().application_secret).user}


def _update() -> list[str]:
    at = settings()
    applied = update(
        read_schema(at.folder), _open_as, _secret(at.owner_secret), _secret(at.application_secret), Waits()
    )
    logger.info("the database is up to date", applied=applied)
    return applied


def _open_as(sign_in: SignIn) -> "pymysql.Connection[Any]":
    at = settings()
    return pymysql.connect(
        host=at.host,
        port=at.port,
        user=sign_in.user,
        password=sign_in.password,
        database=at.name,
        charset="utf8mb4",
        autocommit=True,
        connect_timeout=CONNECT_TIMEOUT_S,
        ssl=_trusting(at),
        ssl_disabled=not at.tls,
    )


def _as_application(at: Settings) -> DatabaseSettings:
    """What the first admin takes, the functions' own user may do: one right fewer to watch."""
    sign_in = _secret(at.application_secret)
    return DatabaseSettings(at.host, at.port, at.name, sign_in.user, "password", at.tls, sign_in.password)


def _trusting(at: Settings) -> ssl.SSLContext | None:
    return ssl.create_default_context(cafile=at.trusted) if at.tls else None


def _secret(secret_id: str) -> SignIn:
    """Read each time: it changes by itself, and this function is asked seldom."""
    content = json.loads(aws.secrets_manager().get_secret_value(SecretId=secret_id)["SecretString"])
    return SignIn(content["username"], content["password"])
