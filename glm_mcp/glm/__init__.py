"""The client core: one call to GLM, with everything that a call may need done about it."""
