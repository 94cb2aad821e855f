"""The demo model: a small InternVL trained from scratch on photos that this package draws itself."""
