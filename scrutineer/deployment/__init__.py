"""A deployment as an operator's machine knows it: what is asked for, what is there, what it costs."""
