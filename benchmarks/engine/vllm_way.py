"""vLLM on the CPU as one of the ways: the same weights in a process of its own, the same words in the prompt."""

import base64
import itertools
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

from benchmarks.engine.load import Inspect
from benchmarks.generating import REQUEST
from benchmarks.random_internvl import ARTIFACT
from benchmarks.shapes import Shape
from models.inspection import Inspection
from models.internvl.inspector import InternVLInspector
from models.internvl.prompt import IMAGE_CONTEXT, item_block, shared_prefix

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "generation_config.json")
START_S = 300


class VllmFailed(RuntimeError):
    """vLLM's process ended; what it said last is the message."""


@contextmanager
def vllm(python: Path, runner: InternVLInspector, shape: Shape, photos: int, tokens: int) -> Iterator[Inspect]:
    """vLLM's own server loop with its default caches; raises VllmFailed if it does not come up."""
    with tempfile.TemporaryDirectory() as folder:
        save_checkpoint(Path(folder), runner, shape)
        with (Path(folder) / "log").open("w+") as said:
            child = subprocess.Popen(
                [python, Path(__file__).with_name("vllm_child.py"), folder, str(photos), str(tokens)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
                bufsize=1,
                start_new_session=True,  # its engine is a process of its own, which would outlive it
            )
            assert child.stdin is not None
            assert child.stdout is not None
            watchdog = threading.Timer(START_S, child.kill)
            watchdog.start()
            ready = child.stdout.readline()
            watchdog.cancel()
            if not ready:
                said.seek(0)
                raise VllmFailed(said.read()[-2000:])
            futures: dict[int, Future[object]] = {}
            numbers, sending, incoming = itertools.count(), threading.Lock(), child.stdout
            outgoing = child.stdin

            def hand_over() -> None:
                for line in incoming:
                    answer = json.loads(line)
                    futures.pop(answer["id"]).set_result(answer)
                for future in list(futures.values()):
                    future.set_exception(VllmFailed("vLLM's process ended"))

            def inspect(request: Inspection) -> object:
                data = [base64.b64encode(photo.data).decode() for photo in request.photos]
                number, future = next(numbers), Future[object]()
                futures[number] = future
                line = json.dumps({"id": number, "prompt": prompt(request), "photos": data}) + "\n"
                with sending:
                    outgoing.write(line)
                return future.result()

            threading.Thread(target=hand_over, daemon=True).start()
            try:
                yield inspect
            finally:
                outgoing.close()
                os.killpg(child.pid, signal.SIGKILL)
                child.wait(timeout=30)


def prompt(request: Inspection) -> str:
    """The engine's words; vLLM puts the image tokens and the marks around them in the place of each mark."""
    shown = "".join(f"Photo {number}: {IMAGE_CONTEXT}\n" for number in range(1, len(request.photos) + 1))
    return shared_prefix(request.questions) + shown + item_block(request.item) + REQUEST


def save_checkpoint(folder: Path, runner: InternVLInspector, shape: Shape) -> None:
    """What vLLM needs to load the model that the other ways use."""
    runner.model.save_pretrained(folder)
    for name in TOKENIZER_FILES:
        shutil.copy(ARTIFACT / name, folder / name)
    size = {"height": shape.tile_px, "width": shape.tile_px}
    preprocessor = json.loads((ARTIFACT / "preprocessor_config.json").read_text())
    (folder / "preprocessor_config.json").write_text(json.dumps({**preprocessor, "size": size}))
    processor = {"image_seq_length": shape.tile_tokens, "processor_class": "InternVLProcessor"}
    (folder / "processor_config.json").write_text(json.dumps(processor))
