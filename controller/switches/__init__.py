"""Adapters: a switch's bytes in, facts out; commands in, the switch's words out."""
