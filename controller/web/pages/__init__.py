"""The pages: rendered here, readable and playable without JavaScript."""
