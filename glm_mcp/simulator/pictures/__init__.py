"""Pictures, films and files: fetched, decoded, measured, and drawn."""
