"""What a photo file says of itself before a pixel is decoded: type by content, size in pixels, whether it is whole."""

import io
import warnings
from dataclasses import dataclass

MAX_PIXELS = 40_000_000
HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")


class UnreadablePhoto(Exception):
    """Not a photo, or not a whole one. The message can be shown to a client."""


class TooManyPixels(UnreadablePhoto):
    """A photo that would unpack to more than MAX_PIXELS."""


@dataclass(frozen=True)
class PhotoHeader:
    """Type by content; stored width and height in pixels, before any orientation is applied."""

    media_type: str
    width: int
    height: int


def read_header(data: bytes) -> PhotoHeader:
    """Raises UnreadablePhoto: empty, of another type, cut off, or (TooManyPixels) too large to unpack."""
    if not data:
        raise UnreadablePhoto("The photo is empty.")
    media_type = media_type_of(data)
    if media_type is None:
        raise UnreadablePhoto("By its content this is not a JPEG, PNG, WebP or HEIC photo.")
    width, height = _size(data, media_type)
    if width * height > MAX_PIXELS:
        raise TooManyPixels(f"The photo has {width} x {height} pixels; at most {MAX_PIXELS:,} can be taken.")
    if not _is_whole(data, media_type):
        raise UnreadablePhoto("The photo is cut off before its end.")
    return PhotoHeader(media_type, width, height)


def media_type_of(data: bytes) -> str | None:
    """By the first bytes, whatever the file was called."""
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if data[4:8] == b"ftyp" and data[8:12] in HEIC_BRANDS:
        return "image/heic"
    return None


def allow_heic() -> None:
    """Teach Pillow HEIC; only when one comes, for the library takes its time to load."""
    from pillow_heif import register_heif_opener

    register_heif_opener(thumbnails=False)


def _size(data: bytes, media_type: str) -> tuple[int, int]:
    from PIL import Image, UnidentifiedImageError

    if media_type == "image/heic":
        allow_heic()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # we judge the size ourselves
            with Image.open(io.BytesIO(data)) as image:
                return image.size
    except Image.DecompressionBombError as error:
        raise TooManyPixels(f"The photo unpacks to far more than {MAX_PIXELS:,} pixels.") from error
    except (UnidentifiedImageError, OSError, EOFError, RuntimeError, ValueError, SyntaxError) as error:
        raise UnreadablePhoto("The photo's header can't be read.") from error


def _is_whole(data: bytes, media_type: str) -> bool:
    """Whether the file's own end mark is there. It need not be the last byte: phones append data of their own."""
    match media_type:
        case "image/jpeg":
            # Pixels never hold an end mark. What comes before them may (an EXIF thumbnail), and what phones append
            # behind them may hold any mark (a video), so it is looked for from the first scan on.
            scan = _first_scan(data)
            return scan > 0 and data.find(b"\xff\xd9", scan) > 0
        case "image/png":
            return data.rfind(b"IEND\xaeB`\x82") > 0
        case "image/webp":
            return len(data) >= int.from_bytes(data[4:8], "little") + 8
        case _:
            return _boxes_end(data) <= len(data)


def _boxes_end(heic: bytes) -> int:
    """Where the last top-level box says that it ends (ISO/IEC 14496-12: 32-bit size, type, 64-bit size if it is 1)."""
    at = 0
    while at + 16 <= len(heic):
        size = int.from_bytes(heic[at : at + 4])
        if size == 0:  # the last box, to the end of the file
            return len(heic)
        at += max(size if size != 1 else int.from_bytes(heic[at + 8 : at + 16]), 8)
    return at


def _first_scan(jpeg: bytes) -> int:
    """Where the pixels begin: the first SOS marker, from segment to segment (ITU T.81, annex B); -1 without one."""
    at = jpeg.find(b"\xff", 2)
    while 0 < at < len(jpeg) - 3:
        marker = jpeg[at + 1]
        if marker == 0xDA:
            return at
        if marker in (0x00, 0x01, 0xFF) or 0xD0 <= marker <= 0xD8:  # stuffing and markers without a length
            at = jpeg.find(b"\xff", at + 1)
        else:
            at = jpeg.find(b"\xff", at + 2 + int.from_bytes(jpeg[at + 2 : at + 4]))
    return -1
