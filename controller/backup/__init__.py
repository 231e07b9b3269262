"""Backups: the catalog of one moment, the keys sealed, and a signed list of it all."""
