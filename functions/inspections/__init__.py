"""The front: accept an inspection, wait for it, show it, list them."""
