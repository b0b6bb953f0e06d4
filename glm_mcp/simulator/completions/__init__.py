"""Chat: what is checked, what is answered, and what is wrong with an answer on purpose."""
