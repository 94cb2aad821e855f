"""Who is it: an API key becomes a client, a role, a plan and a policy."""
