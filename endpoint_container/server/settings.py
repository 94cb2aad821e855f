"""All that can be set from outside, in one frozen object made from a mapping such as os.environ."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DEVICES = ("auto", "cpu", "cuda")
LARGEST = 2**31


class SettingsError(ValueError):
    """A setting has a value that cannot be used; the message names the setting."""


@dataclass(frozen=True)
class Settings:
    """Names in the environment are these in upper case; README.md says what each is for."""

    model_dir: Path = Path("/opt/ml/model")
    model_digest: str = ""
    host: str = "0.0.0.0"
    port: int = 8080
    device: str = "auto"
    threads: int = 0
    photo_cache_bytes: int = 256 * 1024 * 1024
    prefix_cache_bytes: int = 128 * 1024 * 1024
    seen_cache_bytes: int = 256 * 1024 * 1024
    max_queue: int = 20
    max_batch_tokens: int = 32_768
    max_batch_tiles: int = 128
    generation_slots: int = 8
    slot_tokens: int = 8192
    default_new_tokens: int = 128
    max_new_tokens: int = 512
    max_wait_ms: int = 5
    decode_threads: int = 0
    drain_timeout_s: int = 25
    max_body_bytes: int = 25 * 1024 * 1024
    max_photos: int = 20
    max_photo_bytes: int = 8 * 1024 * 1024
    max_pixels: int = 50_000_000
    max_tiles: int = 12
    max_questions: int = 32
    max_answers: int = 26
    max_text_chars: int = 2_000
    max_inputs: int = 64

    @classmethod
    def from_mapping(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the settings; raises SettingsError on a value out of range."""

        def number(name: str, default: int, least: int = 1, most: int = LARGEST) -> int:
            raw = environment.get(name, str(default))
            if not (raw.isascii() and raw.isdigit() and least <= int(raw) <= most):
                raise SettingsError(f"{name} must be a whole number from {least} to {most}")
            return int(raw)

        device = environment.get("DEVICE", cls.device)
        if device not in DEVICES:
            raise SettingsError(f"DEVICE must be one of {', '.join(DEVICES)}")
        digest = environment.get("MODEL_DIGEST", cls.model_digest)
        if not re.fullmatch("([0-9a-f]{64})?", digest):
            raise SettingsError("MODEL_DIGEST must be a sha256 in lower-case hex, or empty")
        # SageMaker names another port where several containers share one instance.
        port = "PORT" if "PORT" in environment else "SAGEMAKER_BIND_TO_PORT"
        return cls(
            model_dir=Path(environment.get("MODEL_DIR") or cls.model_dir),
            model_digest=digest,
            host=environment.get("HOST") or cls.host,
            port=number(port, cls.port, least=1, most=65535),
            device=device,
            threads=number("THREADS", cls.threads, least=0, most=1024),
            photo_cache_bytes=number("PHOTO_CACHE_BYTES", cls.photo_cache_bytes, least=0, most=2**40),
            prefix_cache_bytes=number("PREFIX_CACHE_BYTES", cls.prefix_cache_bytes, least=0, most=2**40),
            seen_cache_bytes=number("SEEN_CACHE_BYTES", cls.seen_cache_bytes, least=0, most=2**40),
            max_queue=number("MAX_QUEUE", cls.max_queue, least=0),
            max_batch_tokens=number("MAX_BATCH_TOKENS", cls.max_batch_tokens),
            max_batch_tiles=number("MAX_BATCH_TILES", cls.max_batch_tiles),
            generation_slots=number("GENERATION_SLOTS", cls.generation_slots, least=0, most=256),
            slot_tokens=number("SLOT_TOKENS", cls.slot_tokens),
            default_new_tokens=number("DEFAULT_NEW_TOKENS", cls.default_new_tokens),
            max_new_tokens=number("MAX_NEW_TOKENS", cls.max_new_tokens),
            max_wait_ms=number("MAX_WAIT_MS", cls.max_wait_ms, least=0, most=10_000),
            decode_threads=number("DECODE_THREADS", cls.decode_threads, least=0, most=1024),
            drain_timeout_s=number("DRAIN_TIMEOUT_S", cls.drain_timeout_s),
            max_body_bytes=number("MAX_BODY_BYTES", cls.max_body_bytes),
            max_photos=number("MAX_PHOTOS", cls.max_photos),
            max_photo_bytes=number("MAX_PHOTO_BYTES", cls.max_photo_bytes),
            max_pixels=number("MAX_PIXELS", cls.max_pixels),
            max_tiles=number("MAX_TILES", cls.max_tiles, most=64),
            max_questions=number("MAX_QUESTIONS", cls.max_questions),
            # A question whose answers share first tokens is asked in letters, of which there are 26.
            max_answers=number("MAX_ANSWERS", cls.max_answers, least=2, most=26),
            max_text_chars=number("MAX_TEXT_CHARS", cls.max_text_chars),
            max_inputs=number("MAX_INPUTS", cls.max_inputs, most=1024),
        )
