"""A self-hosted engine for tests: a real one with a tiny model, and what any of them must do."""
