"""Are the photos good enough to look at, before any GPU does."""
