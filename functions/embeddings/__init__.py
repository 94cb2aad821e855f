"""Texts and photos as vectors of one space, to find what looks or sounds alike."""
