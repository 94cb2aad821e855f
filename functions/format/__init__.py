"""From the model's answers to a verdict."""
