"""CLIP (arXiv:2103.00020): texts and photos as unit vectors of one space, whose dot product says how well they fit."""
