"""The model families the container can serve, one folder each."""
