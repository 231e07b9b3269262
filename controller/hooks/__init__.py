"""Webhooks: signed, sent to where they may go, tried again for a day."""
