"""Text written token by token for several requests at once, whatever the model family (continuous batching)."""
