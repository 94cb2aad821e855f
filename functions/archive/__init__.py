"""Results that are final and not in the archive yet are written there."""
