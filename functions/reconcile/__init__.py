"""Keep API Gateway's keys and usage plans in step with our clients and plans."""
