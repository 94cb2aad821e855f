"""What a freshly loaded model must be able to embed before it takes any other request."""

from io import BytesIO

from PIL import Image

from models.embedding import EmbeddingRequest, Text
from models.photo import read_header

SIDE_PX = 96


def sample_request() -> EmbeddingRequest:
    """One word and one grey JPEG: enough to run the tokenizer, the decoder and both towers."""
    encoded = BytesIO()
    Image.new("RGB", (SIDE_PX, SIDE_PX), "grey").save(encoded, "JPEG")
    photo = read_header("photo", encoded.getvalue(), SIDE_PX * SIDE_PX, "inputs[1].photo")
    return EmbeddingRequest((Text("text", "item", "inputs[0].text"), photo))
