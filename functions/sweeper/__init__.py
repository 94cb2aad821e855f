"""Re-send what was committed but never queued; at opening time let go what was held."""
