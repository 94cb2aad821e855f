"""Re-send what was committed but never queued."""
