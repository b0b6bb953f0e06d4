"""Pages that a model has to see."""
