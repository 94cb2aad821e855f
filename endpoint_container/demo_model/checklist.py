"""The questions the demo model is trained on: those of the reverse-pickup checklist, read where they are kept."""

import json
from pathlib import Path

from models.internvl.prompt import Question

CHECKLIST = Path(__file__).resolve().parents[2] / "functions" / "checklists" / "reverse-pickup" / "1.json"


def read_questions(path: Path = CHECKLIST) -> tuple[Question, ...]:
    """The checklist's questions in its own order."""
    listed = json.loads(path.read_text(encoding="utf-8"))["questions"]
    return tuple(Question(entry["id"], entry["text"], tuple(entry["answers"])) for entry in listed)
