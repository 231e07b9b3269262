"""Who works on recordings, when, and how it goes on after a death: places, claims, durable runs."""
