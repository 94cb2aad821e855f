"""The `scrutineer` command: one module a command; each parses, then calls a function that takes plain arguments."""
