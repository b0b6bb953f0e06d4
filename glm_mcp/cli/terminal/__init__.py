"""What a person at a terminal sees: width, colour, one moving line, pictures, completion."""
