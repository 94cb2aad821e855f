"""Checklists: versioned data that say what is asked, what is expected, and when a photo is good enough to look at.

Files are `checklists/<name>/<version>.json`. A published version never changes: an inspection is judged by the version
it was accepted under.
"""

from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from core.errors import Unavailable, UnknownChecklist

FOLDER = Path(__file__).parent.parent / "checklists"


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", defer_build=True, frozen=True)


class Question(_Data):
    """A closed question. `expected` None means: recorded, not judged."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    text: str = Field(min_length=1, max_length=300)
    answers: tuple[str, ...] = Field(min_length=2, max_length=26)
    expected: str | None
    required: bool
    review_below: float = Field(ge=0, le=1, description="Under this probability of its answer a person must look.")
    otherwise: Literal["failed", "review"] = Field(
        default="failed", description="What a required question comes to that is surely answered against `expected`."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(set(self.answers)) != len(self.answers):
            raise ValueError("answers must differ from each other")
        if self.expected is not None and self.expected not in self.answers:
            raise ValueError("expected must be one of the answers")
        if self.required and self.expected is None:
            raise ValueError("a required question needs an expected answer")
        if self.otherwise == "review" and not self.required:
            raise ValueError("otherwise says what a required question comes to")
        return self


class PhotoThresholds(_Data):
    """What a photo must reach; each belongs to the analysed size (long side 1000 px) and to 8-bit luma."""

    min_short_side_px: int = Field(gt=0)
    min_sharpness: float = Field(ge=0, description="Variance of the Laplacian.")
    min_brightness: float = Field(ge=0, le=255, description="Mean luma.")
    max_brightness: float = Field(ge=0, le=255)
    max_clipped_fraction: float = Field(ge=0, le=1, description="Share of pixels below 16 or above 239.")
    min_contrast: float = Field(ge=0, description="Standard deviation of luma.")
    max_tilt_degrees: float = Field(ge=0, le=45)
    min_distance_bits: int = Field(ge=0, le=64, description="dHash bits by which two photos must differ.")


class PhotoRules(_Data):
    """How many photos, and how they are judged and prepared."""

    min_count: int = Field(ge=1)
    max_count: int = Field(ge=1, le=20)
    long_side_px: int = Field(ge=224, le=4096, description="Prepared photos are reduced to this long side.")
    thresholds: PhotoThresholds


class TileBudget(_Data):
    """Into how many tiles a photo may be cut: at the first look, and at closer ones for the questions left in doubt.

    What a look costs grows with its tiles; a cut photo also gets a thumbnail.
    """

    first: int = Field(ge=1, le=12)
    closer: tuple[Annotated[int, Field(le=12)], ...]

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        looks = (self.first, *self.closer)
        if any(later <= earlier for earlier, later in pairwise(looks)):
            raise ValueError("every look must take more tiles than the one before it")
        return self


class Checklist(_Data):
    """One version of one checklist."""

    name: str
    version: int = Field(ge=1)
    title: str
    questions: tuple[Question, ...] = Field(min_length=1, max_length=50)
    photos: PhotoRules
    tiles: TileBudget

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if len({question.id for question in self.questions}) != len(self.questions):
            raise ValueError("question ids must differ from each other")
        return self


def latest(name: str) -> Checklist:
    """The newest version. Raises UnknownChecklist, naming those there are."""
    versions = _versions().get(name)
    if not versions:
        known = ", ".join(sorted(_versions()))
        raise UnknownChecklist(f"There is no checklist of this name. Known: {known}.", field="checklist")
    return load(name, max(versions))


@cache
def load(name: str, version: int) -> Checklist:
    """One version, as an inspection's row names it.

    Raises Unavailable, which costs no attempt: while two versions of the code run, the older one meets inspections by
    checklists that came with the newer.
    """
    try:
        content = (FOLDER / name / f"{version}.json").read_bytes()
    except FileNotFoundError as error:
        raise Unavailable("This version of the code does not have the checklist yet.") from error
    return Checklist.model_validate_json(content)


@cache
def _versions() -> dict[str, tuple[int, ...]]:
    return {
        folder.name: tuple(int(file.stem) for file in folder.glob("*.json"))
        for folder in FOLDER.iterdir()
        if folder.is_dir()
    }
