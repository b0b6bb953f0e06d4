"""Presentations of the old format."""
