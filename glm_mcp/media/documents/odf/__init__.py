"""What OpenDocument files consist of: their container, runs of text, numbering."""
