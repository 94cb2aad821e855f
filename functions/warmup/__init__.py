"""Wake the endpoint before the service opens."""
