"""The counted work against sums done by hand, and against what the weights of real checkpoints add up to."""

import pytest

from benchmarks import roofline
from benchmarks.roofline import Counts, Phase, Rates
from benchmarks.shapes import INTERNVL3_2B, INTERNVL3_8B, Shape

# Two by two patches, one layer each side, nothing shared: small enough to multiply out.
HAND = Shape(
    tile_px=28,
    vision_width=8,
    vision_heads=1,
    vision_layers=1,
    vision_mlp=16,
    width=4,
    heads=2,
    kv_heads=1,
    layers=1,
    mlp=10,
    vocabulary=100,
)


def test_a_tile_is_patches_layers_and_projector():
    embedding = 2 * 4 * (3 * 14 * 14) * 8
    attention = 2 * 5 * (4 * 8 * 8) + 2 * (2 * 5 * 5 * 8)
    feed_forward = 2 * (2 * 5 * 8 * 16)
    projector = 2 * 1 * (32 * 4 + 4 * 4)
    assert roofline.tile_flop(HAND) == embedding + attention + feed_forward + projector


def test_tokens_pay_for_the_weights_and_for_what_they_see():
    weights = 4 * 4 + 4 * 2 + 4 * 2 + 4 * 4 + 3 * 4 * 10
    # Three tokens behind two known ones see 3, 4 and 5 positions: scores and their weighted sum, 4 wide.
    assert roofline.language_flop(HAND, tokens=3, known=2) == 2 * 3 * weights + 2 * 2 * 4 * (3 + 4 + 5)
    assert roofline.language_weights(HAND) == weights


def test_a_prefill_in_two_parts_is_as_much_work_as_in_one():
    parts = roofline.language_flop(INTERNVL3_8B, 700) + roofline.language_flop(INTERNVL3_8B, 300, known=700)
    assert parts == roofline.language_flop(INTERNVL3_8B, 1000)


@pytest.mark.parametrize(("shape", "billions"), [(INTERNVL3_2B, 1.31), (INTERNVL3_8B, 6.53)])
def test_the_layers_weigh_what_qwen_says(shape: Shape, billions: float):
    """Qwen2.5's model cards: 1.31 and 6.53 billion parameters without the embedding."""
    assert roofline.language_weights(shape) / 1e9 == pytest.approx(billions, abs=0.01)


def test_the_vision_tower_weighs_300_million():
    projector = 4 * 1024 * 3584 + 3584**2
    assert (roofline.vision_weights(INTERNVL3_8B) - projector) / 1e6 == pytest.approx(303, abs=1)


def test_six_photos_of_three_tiles_are_about_80_tflop_on_8b():
    work = roofline.scoring(INTERNVL3_8B, [Counts(18, 18 * 256 + 200, (30,) * 6)], value_bytes=2)
    assert roofline.flop(work) / 1e12 == pytest.approx(81, rel=0.05)


def test_a_known_prefix_is_not_paid_for():
    def cost(known: int) -> float:
        return roofline.flop(roofline.scoring(HAND, [Counts(1, 50, (5, 5), known)], value_bytes=2))

    assert cost(0) - cost(20) == roofline.language_flop(HAND, 20)


def test_writing_reads_all_weights_for_every_token():
    short = roofline.generating(INTERNVL3_8B, 6, 1700, 1, value_bytes=2)
    long = roofline.generating(INTERNVL3_8B, 6, 1700, 41, value_bytes=2)
    more = sum(phase.bytes for phase in long) - sum(phase.bytes for phase in short)
    weights = 2 * (roofline.language_weights(INTERNVL3_8B) + roofline.head_weights(INTERNVL3_8B))
    assert more == pytest.approx(40 * weights, rel=0.02)
    assert more > 40 * weights


def test_each_phase_takes_as_long_as_its_slower_half():
    phases = [Phase(flop=100, bytes=1), Phase(flop=10, bytes=50)]
    assert roofline.seconds(phases, Rates(flop=10, bytes=5)) == 10 + 10


def test_the_longer_name_of_a_device_decides():
    assert roofline.vendor_rates("NVIDIA H100 PCIe") == Rates(756e12, 2.0e12)
    assert roofline.vendor_rates("NVIDIA H100 80GB HBM3") == Rates(989e12, 3.35e12)
    assert roofline.vendor_rates("NVIDIA L40S") == Rates(362e12, 864e9)
    assert roofline.vendor_rates("Some other device") is None
