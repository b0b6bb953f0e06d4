"""The page at `/` for the person behind a token: what they used, what is left, how the models fare."""
