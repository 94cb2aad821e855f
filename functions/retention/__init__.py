"""How long photos are kept: each client's own number of days, and what a client asked to have erased."""
