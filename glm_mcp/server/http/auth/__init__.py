"""Who is let in over HTTP: tokens of our own, those of an issuer, and what is said to all others."""
