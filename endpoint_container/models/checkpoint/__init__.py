"""What model families share: weights, control tokens and image settings, as transformers writes them to disk."""
