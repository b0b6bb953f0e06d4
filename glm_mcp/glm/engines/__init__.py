"""Self-hosted engines behind an OpenAI-compatible address: what they serve, take and refuse."""
