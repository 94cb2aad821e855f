"""Tell clients what they asked to be told: signed messages, tried again for three days."""
