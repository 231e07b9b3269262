"""Tapeline: decides, controls and catalogues the recording of calls on FreeSWITCH and Asterisk."""

__version__ = "0.1.0"
