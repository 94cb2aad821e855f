"""The inspection that a freshly loaded model must be able to do before it takes any other."""

from io import BytesIO

from PIL import Image

from models.inspection import Inspection, Question
from models.photo import read_header

SIDE_PX = 96


def sample_inspection() -> Inspection:
    """One grey JPEG and two questions: enough to run the decoder, the tiling, the tokenizer and both towers."""
    encoded = BytesIO()
    Image.new("RGB", (SIDE_PX, SIDE_PX), "grey").save(encoded, "JPEG")
    photo = read_header("self-test", encoded.getvalue(), SIDE_PX * SIDE_PX, "photos[0].data")
    questions = (
        Question("item_present", "Is there an item in the photos?", ("yes", "no")),
        Question("damaged", "Is the item damaged?", ("yes", "no")),
    )
    return Inspection((photo,), {"description": "item"}, questions)
