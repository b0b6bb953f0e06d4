"""What stands on a PDF page beside its text: notes, what was typed on it, sideways text, and files attached to it."""
