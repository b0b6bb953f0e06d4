"""What RTF consists of: its words, and the paragraphs and tables that they make."""
