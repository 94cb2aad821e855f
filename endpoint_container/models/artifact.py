"""What lies in a model directory, and proof that it is what was published: manifest, checksums, identity."""

import hashlib
import json
from pathlib import Path
from typing import Any

from models.errors import LoadError
from models.interface import ModelIdentity

MANIFEST = "manifest.json"
UNVERSIONED = "unversioned"


def verify(model_dir: Path, expected_digest: str = "") -> ModelIdentity:
    """Check every file that the manifest lists and say which model this is.

    Without a manifest the folder's name stands in. Raises LoadError on a mismatch, a missing file, weights that a
    manifest does not vouch for, or, where a digest is expected, weights of another one.
    """
    weights = sorted(model_dir.glob("*.safetensors"))
    if not weights:
        raise LoadError(f"{model_dir}: holds no *.safetensors (pickled weights are never loaded)")
    digests = {path.name: file_sha256(path) for path in weights}
    digest = weights_digest(digests)
    if expected_digest and digest != expected_digest:
        raise LoadError(f"MODEL_DIGEST: these weights have the digest {digest}, not {expected_digest}")
    name, version = model_dir.resolve().name, UNVERSIONED
    if (model_dir / MANIFEST).exists():
        manifest = read_json_object(model_dir / MANIFEST)
        name, version = _text(manifest, "name"), _text(manifest, "version")
        _check_files(model_dir, manifest.get("files"), digests)
    return ModelIdentity(name, version, digest)


def weights_digest(digests: dict[str, str]) -> str:
    """sha256 over the lines `<sha256>  <file name>` in order of name, as `sha256sum` would print them."""
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def file_sha256(path: Path) -> str:
    """Lower-case hex sha256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_json_object(path: Path) -> dict[str, Any]:
    """A JSON file of the artifact; raises LoadError if it is absent, broken or no object."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LoadError(f"{path.name}: cannot be read as JSON ({type(error).__name__})") from error
    if not isinstance(content, dict):
        raise LoadError(f"{path.name}: must hold a JSON object")
    return content


def _check_files(model_dir: Path, files: object, known: dict[str, str]) -> None:
    if not isinstance(files, dict) or not files:
        raise LoadError(f"{MANIFEST}: 'files' must map file names to their sha256")
    for listed, expected in files.items():
        path = model_dir / listed
        if not path.resolve().is_relative_to(model_dir.resolve()):
            raise LoadError(f"{MANIFEST}: {listed!r} lies outside the model directory")
        if not path.is_file():
            raise LoadError(f"{MANIFEST}: {listed!r} is missing")
        if (known.get(listed) or file_sha256(path)) != str(expected).lower():
            raise LoadError(f"{MANIFEST}: the sha256 of {listed!r} differs")
    if unlisted := sorted(set(known) - set(files)):
        raise LoadError(f"{MANIFEST}: does not list the weights {', '.join(unlisted)}")


def _text(manifest: dict[str, Any], key: str) -> str:
    value = manifest.get(key)
    if not isinstance(value, str) or not value:
        raise LoadError(f"{MANIFEST}: {key!r} must be a text")
    return value
