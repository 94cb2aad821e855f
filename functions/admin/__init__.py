"""Administration: clients, their keys and members, usage plans, the audit log, and API Gateway's records."""
