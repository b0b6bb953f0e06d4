"""The command `glm-mcp`."""
