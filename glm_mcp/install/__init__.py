"""The configuration files of MCP clients, written and taken back."""
