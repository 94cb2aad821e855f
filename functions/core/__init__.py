"""What every stage shares: states, contract, settings, errors, database, queues, storage, observability."""
