"""transformers' continuous batching on an InternVL, which it does not take: it knows token ids only.

So the photos are passed as ids beyond the vocabulary, and the embedding looks those up among the photos' features. The
language model, its weights and its prompts are those of the other ways; the vision tower runs before a request is
handed over, all its photos together.
"""

import copy
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import torch
from transformers import ContinuousBatchingConfig, GenerationConfig, Qwen2ForCausalLM

from benchmarks.engine.load import Inspect
from benchmarks.engine.ways import decode_threads
from benchmarks.generating import json_prompt
from models.inspection import Inspection
from models.internvl.inspector import InternVLInspector

# Positions of photos that can be under way; older features are overwritten.
FEATURE_ROWS = 65_536
PAGE_TOKENS = 256
PAGES = 256
BATCH_TOKENS = 2048
NO_END = -1


class PhotoEmbedding(torch.nn.Module):
    """Token embeddings, and a photo's features for the ids that `add` gave out.

    No id is given twice: a cache of prefixes by their ids would take one photo for another.
    """

    def __init__(self, words: torch.nn.Module, vocabulary: int, width: int, dtype: torch.dtype) -> None:
        super().__init__()
        self.words = words
        self.vocabulary = vocabulary
        self.rows = torch.zeros(FEATURE_ROWS, width, dtype=dtype)
        self._given = 0
        self._giving = threading.Lock()

    def add(self, features: torch.Tensor) -> list[int]:
        """Ids that stand for `features` [tokens, width]."""
        with self._giving:
            first = self._given
            self._given += len(features)
        places = torch.arange(first, first + len(features))
        self.rows[places % FEATURE_ROWS] = features
        return (places + self.vocabulary).tolist()

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        is_photo = ids >= self.vocabulary
        embedded: torch.Tensor = self.words(ids.masked_fill(is_photo, 0))
        photos = self.rows[(ids - self.vocabulary).clamp(min=0) % FEATURE_ROWS]
        return torch.where(is_photo.unsqueeze(-1), photos, embedded)


@contextmanager
def continuous(runner: InternVLInspector, tokens: int) -> Iterator[Inspect]:
    """Requests join and leave between any two tokens; prefixes that are the same are computed once."""
    model, embedding = language_model(runner)
    untyped: Any = GenerationConfig
    config = untyped(max_new_tokens=tokens, do_sample=False, eos_token_id=NO_END, pad_token_id=0)
    pages = ContinuousBatchingConfig(page_size=PAGE_TOKENS, num_blocks=PAGES, max_batch_tokens=BATCH_TOKENS)
    decoders, looking = threading.Semaphore(decode_threads()), threading.Lock()
    futures: dict[str, Future[object]] = {}
    names = iter(range(2**62))
    with model.continuous_batching_context_manager(
        generation_config=config, continuous_batching_config=pages
    ) as manager:

        def hand_over() -> None:
            for output in manager:
                futures.pop(output.request_id).set_result(output.generated_tokens)

        @torch.inference_mode()
        def look(request: Inspection) -> list[int]:
            with decoders:
                prepared = runner.prepare(request)
            with looking:
                photos = iter(embedding.add(torch.cat(runner.features.look(prepared.photos).features)))
            image = runner.model.config.image_token_id
            return [next(photos) if token == image else token for token in json_prompt(runner, prepared)]

        def inspect(request: Inspection) -> object:
            ids, name, future = look(request), f"inspection-{next(names)}", Future[object]()
            futures[name] = future
            manager.add_request(ids, request_id=name)
            return future.result()

        outlet = threading.Thread(target=hand_over, daemon=True)
        outlet.start()
        yield inspect
    outlet.join()


def language_model(runner: InternVLInspector) -> tuple[Any, PhotoEmbedding]:
    """The language model as a model of its own, on the same weights."""
    config: Any = copy.deepcopy(runner.model.config.get_text_config())
    # The engine has an attention of its own, which continuous batching does not take.
    config._attn_implementation = "sdpa"
    with torch.device("meta"):
        alone = Qwen2ForCausalLM(config)
    whole: Any = runner.model
    alone.model = type(whole.model.language_model)(config)
    alone.model.load_state_dict(whole.model.language_model.state_dict(), assign=True)
    alone.lm_head = whole.lm_head
    embedding = PhotoEmbedding(alone.model.embed_tokens, config.vocab_size, config.hidden_size, runner.model.dtype)
    alone.model.embed_tokens = embedding
    return alone.requires_grad_(False).train(False), embedding
