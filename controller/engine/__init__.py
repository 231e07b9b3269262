"""What carries decisions out: ordered mailboxes, effects, recovery."""
