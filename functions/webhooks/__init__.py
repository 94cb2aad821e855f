"""Where a client wants to be told: endpoints, their secrets, the log of deliveries."""
