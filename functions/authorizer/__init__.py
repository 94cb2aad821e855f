"""Who is it: an API key or a JWT becomes a principal, and what it may do a policy."""
