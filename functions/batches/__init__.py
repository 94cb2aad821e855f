"""Many inspections at once: taking a manifest in, showing how far it is, cancelling it, handing out its results."""
