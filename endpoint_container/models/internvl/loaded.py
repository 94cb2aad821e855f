"""The loaded model: one checkpoint, and the tasks that it offers."""

import logging
from collections.abc import Mapping
from typing import Any

from models.description import check_description
from models.generation.sample import sample_request
from models.inspection import check_answers
from models.interface import CacheCounts, TaskRunner
from models.internvl.describer import InternVLDescriber
from models.internvl.golden import Golden
from models.internvl.inspector import InternVLInspector
from models.internvl.sample import sample_inspection
from models.writing import write

LOGGER = logging.getLogger(__name__)


class InternVL:
    """A loaded InternVL checkpoint: one model, the tasks it offers; without a describer it does not write."""

    def __init__(
        self,
        inspector: InternVLInspector,
        golden: Golden | None = None,
        describer: InternVLDescriber | None = None,
    ) -> None:
        self.identity = inspector.identity
        self.golden = golden
        self.inspector = inspector
        self.describer = describer
        self.writer = None if describer is None else describer.writer
        self.tasks: Mapping[str, TaskRunner[Any, Any, Any]] = {"inspect": inspector}
        if describer is not None:
            self.tasks = {**self.tasks, "describe": describer}

    @property
    def caches(self) -> Mapping[str, CacheCounts]:
        inspector = self.inspector
        return {
            "photo": inspector.features.cache.counts,
            "prefix": inspector.prefixes.cache.counts,
            "seen": inspector.seen.cache.counts,
        }

    def self_test(self) -> None:
        """Inspect the artifact's golden photos, or a grey one where it has none.

        Raises `model_output_invalid` unless probabilities come out, LoadError unless they are the pinned ones.
        """
        if self.golden is None:
            LOGGER.warning("no_golden_photo")
        inspection = sample_inspection() if self.golden is None else self.golden.inspection
        result = self.inspector.run(self.inspector.prepare(inspection))
        check_answers(inspection.questions, result.answers)
        if self.golden is not None:
            self.golden.check(result)
        if self.describer is not None:
            request = sample_request()
            written = write(self.describer.writer, self.describer.run(self.describer.prepare(request)))
            check_description(request, written)
