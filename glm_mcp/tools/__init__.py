"""The five tools: arguments, what each does with them, and the wording of its result."""
