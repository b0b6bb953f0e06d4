"""What is said to people in a language of theirs."""
