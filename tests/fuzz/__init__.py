"""Cases made up for whatever reads what strangers send."""
