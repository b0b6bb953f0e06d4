"""How the lines of a page stand: where they end, from the right, slanted, in columns, and with what marks."""
