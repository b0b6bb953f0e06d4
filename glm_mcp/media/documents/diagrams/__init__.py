"""Diagrams of draw.io and Visio: what stands in their shapes, and which shapes their arrows lead from and to."""
