"""What stops an update of the database. Each says in a sentence or two what is wrong and what to do about it."""


class UpdateFailed(Exception):
    """Base of them; `detail` is safe to show to whoever deploys."""

    code = "update_failed"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class SchemaInvalid(UpdateFailed):
    """The files are at fault: nothing was asked of the database."""

    code = "schema_invalid"


class MigrationFailed(UpdateFailed):
    """MySQL refused a statement, or was gone before it answered. What ran before it stays."""

    code = "migration_failed"


class MigrationChanged(UpdateFailed):
    """A statement that has run already is another one now."""

    code = "migration_changed"


class Locked(UpdateFailed):
    """Another run is at work on the same database."""

    code = "locked"


class UserFailed(UpdateFailed):
    """The functions' user could not be made, or does not get in."""

    code = "user_failed"


class Unreachable(UpdateFailed):
    """The database answers nobody, or not to us."""

    code = "unreachable"
