"""vLLM beside the benchmark, in an interpreter of its own: requests come in by lines of JSON, answers leave likewise.

Run by vllm_way.py with the Python of an environment that has vLLM; imports nothing of this repository.
"""

import asyncio
import base64
import json
import os
import sys
from io import BytesIO
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "2")
# Idle threads of Intel's OpenMP would spin on the cores that the other ways are measured on.
os.environ.setdefault("KMP_BLOCKTIME", "0")


async def main(model_dir: str, photos: int, tokens: int) -> None:
    from PIL import Image
    from vllm import AsyncEngineArgs, AsyncLLMEngine, SamplingParams  # type: ignore[import-not-found]

    # Ours is the protocol's end of stdout; vLLM's own prints go to stderr.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    engine: Any = AsyncLLMEngine.from_engine_args(
        AsyncEngineArgs(
            model=model_dir,
            dtype="float32",
            max_model_len=8192,
            max_num_seqs=32,
            limit_mm_per_prompt={"image": photos},
            enforce_eager=True,
        )
    )
    sampling = SamplingParams(max_tokens=tokens, min_tokens=tokens, temperature=0, ignore_eos=True)

    async def answer(line: str) -> None:
        request = json.loads(line)
        images = [Image.open(BytesIO(base64.b64decode(photo))).convert("RGB") for photo in request["photos"]]
        prompt = {"prompt": request["prompt"], "multi_modal_data": {"image": images}}
        # Each output holds all that was written so far.
        *_, last = [output async for output in engine.generate(prompt, sampling, str(request["id"]))]
        read, written = len(last.prompt_token_ids), len(last.outputs[0].token_ids)
        answers.write(json.dumps({"id": request["id"], "read": read, "written": written}) + "\n")

    answers.write(json.dumps({"ready": True}) + "\n")
    loop, tasks = asyncio.get_running_loop(), set()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        task = asyncio.create_task(answer(line))
        tasks.add(task)
        task.add_done_callback(tasks.discard)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
