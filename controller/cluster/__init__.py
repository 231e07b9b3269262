"""What controllers that share a catalog ask and tell each other, over HTTP."""
