"""A batch's lines become inspections; when those have come to their end, the batch does."""
