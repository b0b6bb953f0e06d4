"""What answers a client before the rest of the program is loaded. Imports nothing of ours and the standard library alone;
of that only what is quick to import.
"""
