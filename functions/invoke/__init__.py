"""Ask the model, at most once an inspection."""
