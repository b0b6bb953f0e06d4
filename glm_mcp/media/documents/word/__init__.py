"""Word documents: styles and numbering, runs of text, blocks."""
