"""Benchmarks: each prints a table of what it measured beside a baseline of the same run, and writes JSON on request."""
