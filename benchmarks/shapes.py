"""Widths and depths of the InternVLs that the benchmarks build of random weights."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """Both towers; `tile_px` is a tile's side, `mlp` the inner width of a feed-forward block."""

    tile_px: int
    vision_width: int
    vision_heads: int
    vision_layers: int
    vision_mlp: int
    width: int
    heads: int
    kv_heads: int
    layers: int
    mlp: int
    vocabulary: int
    patch_px: int = 14

    @property
    def patches(self) -> int:
        return (self.tile_px // self.patch_px) ** 2

    @property
    def tile_tokens(self) -> int:
        """Two by two patches become one token of the language model."""
        return self.patches // 4

    @property
    def kv_width(self) -> int:
        return self.width // self.heads * self.kv_heads


def small(tile_px: int, vision_width: int, vision_layers: int, width: int, layers: int, vocabulary: int) -> Shape:
    """Heads of 64, four query heads or so to a key head, feed-forward blocks four times as wide."""
    return Shape(
        tile_px=tile_px,
        vision_width=vision_width,
        vision_heads=vision_width // 64,
        vision_layers=vision_layers,
        vision_mlp=4 * vision_width,
        width=width,
        heads=width // 64,
        kv_heads=max(1, width // 256),
        layers=layers,
        mlp=4 * width,
        vocabulary=vocabulary,
    )


def internvl3(width: int, heads: int, kv_heads: int, mlp: int) -> Shape:
    """InternViT-300M-448px-V2_5 in front of a Qwen2.5 of 28 layers, with InternVL3's vocabulary.

    From the config.json of OpenGVLab/InternVL3-{2B,8B}-hf, Qwen/Qwen2.5-{1.5B,7B} and
    OpenGVLab/InternViT-300M-448px-V2_5, as published on Hugging Face.
    """
    return Shape(
        tile_px=448,
        vision_width=1024,
        vision_heads=16,
        vision_layers=24,
        vision_mlp=4096,
        width=width,
        heads=heads,
        kv_heads=kv_heads,
        layers=28,
        mlp=mlp,
        vocabulary=151_674,
    )


# The benchmarks' answers as one JSON object, in Qwen2.5's own tokenizer: an answer a question, and with a confidence
# for each, which is what scoring gives.
PLAIN_TOKENS, CONFIDENT_TOKENS = 41, 132

TINY = small(tile_px=56, vision_width=64, vision_layers=1, width=64, layers=2, vocabulary=1024)
QUICK = small(tile_px=112, vision_width=192, vision_layers=4, width=384, layers=6, vocabulary=8_000)
# Of a tile's products two thirds are the language model's: between InternVL3-2B (half) and -8B (five sixths).
WHOLE = small(tile_px=224, vision_width=384, vision_layers=6, width=768, layers=10, vocabulary=32_000)
INTERNVL3_2B = internvl3(width=1536, heads=12, kv_heads=2, mlp=8960)
INTERNVL3_8B = internvl3(width=3584, heads=28, kv_heads=4, mlp=18_944)
