"""Bring the database's tables up to date, make the functions' user and the first admin: for deploys and operators."""
