"""Where in a request something is wrong, as problems name the place."""

SOURCES = ("body", "query", "path", "header")
LONGEST_FIELD = 100  # a body of 6 MB may have an unknown field of 6 MB


def field_path(location: tuple[str | int, ...]) -> str:
    """`("body", "photos", 0, "data")` as `photos[0].data`."""
    parts = location[1:] if location and location[0] in SOURCES else location
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).lstrip(".")
    return path[:LONGEST_FIELD] or str(location[0] if location else "body")
