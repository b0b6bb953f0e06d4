"""Workbooks: cells as they are shown, written by their used blocks."""
