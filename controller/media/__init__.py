"""Finished files: collect, repair, join, hash, store."""
