"""The OpenAPI description: what FastAPI finds out by itself, and what only people know."""
