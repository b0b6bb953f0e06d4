"""MCP clients: what each does with results, and how it is configured."""
