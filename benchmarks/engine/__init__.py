"""The scoring engine against other ways of serving the same model, in one run on one random InternVL."""
