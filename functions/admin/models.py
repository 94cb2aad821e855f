"""What every model of the admin API is: whatever comes in forbids all other fields, and is not changed afterwards."""

from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator


class Input(BaseModel):
    model_config = ConfigDict(extra="forbid", defer_build=True, frozen=True)


class ChangeInput(Input):
    """At least one field; `model_fields_set` says which."""

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("name at least one field to change")
        return self


class Output(BaseModel):
    model_config = ConfigDict(extra="forbid", defer_build=True)
