"""BLIP-2 (arXiv:2301.12597): a frozen vision tower and a frozen language model, with a small Q-Former between them."""
