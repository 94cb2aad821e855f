"""What the migrating function is told by its environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core.settings import choice, number, text


@dataclass(frozen=True)
class Settings:
    """The database itself, not its proxy; `folder` holds migrations, rights and the certificates that are trusted.

    The secrets are JSON with `username` and `password`: the owner's, which may change tables, and the functions'.
    """

    host: str
    port: int
    name: str
    tls: bool
    folder: Path
    owner_secret: str
    application_secret: str

    @property
    def trusted(self) -> Path:
        return self.folder / "rds-ca-rsa2048-g1.pem"

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> "Settings":
        return cls(
            host=text(env, "DATABASE_HOST"),
            port=number(env, "DATABASE_PORT", least=1),
            name=text(env, "DATABASE_NAME"),
            tls=choice(env, "DATABASE_TLS", ("true", "false")) == "true",
            folder=Path(text(env, "SCHEMA_FOLDER")),
            owner_secret=text(env, "OWNER_SECRET"),
            application_secret=text(env, "APPLICATION_SECRET"),
        )
