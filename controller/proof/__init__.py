"""Proof: a signed chain of what was recorded, heard, changed and deleted, and its verification offline."""
