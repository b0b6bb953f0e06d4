"""Films made ready: whole, re-encoded, or as frames with their times."""
