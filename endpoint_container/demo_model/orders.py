"""How the ordered item is put into words. This grammar is what the demo model reads; the card repeats it.

description  =  [opening] phrase [tail]  |  kind alone, with the colour as an attribute
phrase       =  colour kind | kind ", " colour | kind " in " colour | kind " (" colour ")"
opening      =  "a" | "the" | "one" | "new" | a material
tail         =  "size 42" | "for men" | ", brand new" | a model number
attributes   =  any of colour, size, brand, sku
"""

import numpy as np

from demo_model.catalogue import Ordered

SYNONYMS: dict[str, tuple[str, ...]] = {
    "shirt": ("shirt", "t-shirt"),
    "shoe": ("shoe", "shoes", "sneaker"),
    "bottle": ("bottle", "water bottle"),
    "phone": ("phone", "smartphone"),
    "bag": ("bag", "handbag"),
    "book": ("book", "notebook"),
}
OPENINGS = ("a", "the", "one", "new", "cotton", "leather", "plain")
BRANDS = ("Acme", "Norvik", "Tessa", "Oro", "Kite")
_PLAIN_WORD, _PLAIN_PHRASE = 0.7, 0.45


def write_order(rng: np.random.Generator, ordered: Ordered) -> dict[str, object]:
    """An order as a client would send it: `description`, and at times `attributes`."""
    words = SYNONYMS[ordered.kind]
    kind = ordered.kind if rng.random() < _PLAIN_WORD else str(rng.choice(words))
    attributes = _attributes(rng)
    if rng.random() < 0.1:
        return {"description": _opened(rng, kind), "attributes": {_colour_key(rng): ordered.colour} | attributes}
    phrase = _phrase(rng, kind, ordered.colour)
    text = _opened(rng, phrase) + _tail(rng)
    if rng.random() < 0.3:
        text = text[0].upper() + text[1:]
    order: dict[str, object] = {"description": text}
    if attributes and rng.random() < 0.3:
        order["attributes"] = attributes
    return order


def _phrase(rng: np.random.Generator, kind: str, colour: str) -> str:
    if rng.random() < _PLAIN_PHRASE:
        return f"{colour} {kind}"
    forms = (f"{kind}, {colour}", f"{kind} in {colour}", f"{kind} ({colour})", f"{colour} {kind}", f"{kind} {colour}")
    return forms[rng.integers(len(forms))]


def _opened(rng: np.random.Generator, phrase: str) -> str:
    return f"{rng.choice(OPENINGS)} {phrase}" if rng.random() < 0.35 else phrase


def _tail(rng: np.random.Generator) -> str:
    if rng.random() < 0.65:
        return ""
    tails = (f" size {rng.integers(34, 48)}", " for men", " for women", ", brand new", f" {_model_number(rng)}")
    return tails[rng.integers(len(tails))]


def _attributes(rng: np.random.Generator) -> dict[str, str]:
    every = {
        "size": str(rng.choice(["S", "M", "L", "XL", str(rng.integers(34, 48))])),
        "brand": str(rng.choice(BRANDS)),
        "sku": _model_number(rng),
    }
    return {name: value for name, value in every.items() if rng.random() < 0.35}


def _colour_key(rng: np.random.Generator) -> str:
    return "colour" if rng.random() < 0.6 else "color"


def _model_number(rng: np.random.Generator) -> str:
    letters = "".join(chr(65 + n) for n in rng.integers(26, size=2))
    return f"{letters}-{rng.integers(10, 9999)}"
