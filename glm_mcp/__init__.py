"""GLM models as tools for coding agents, over the Model Context Protocol."""

__version__ = "0.1.0"
