"""One argument in, guarded sources out."""
