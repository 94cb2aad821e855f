"""The operator's and developer's side of Scrutineer: the command, the local stack, the client."""
