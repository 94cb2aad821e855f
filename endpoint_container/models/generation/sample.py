"""What a freshly loaded model must be able to describe before it takes any other request."""

from io import BytesIO

from PIL import Image

from models.description import DescriptionRequest, Kind
from models.photo import read_header

SIDE_PX = 96


def sample_request() -> DescriptionRequest:
    """One grey JPEG and four tokens of a caption: enough to run the decoder, all towers and a few steps in a slot."""
    encoded = BytesIO()
    Image.new("RGB", (SIDE_PX, SIDE_PX), "grey").save(encoded, "JPEG")
    photo = read_header("photo", encoded.getvalue(), SIDE_PX * SIDE_PX, "photos[0].data")
    return DescriptionRequest((photo,), Kind.CAPTION, max_new_tokens=4)
