"""The core: pure, so its tests may not even open a socket."""
