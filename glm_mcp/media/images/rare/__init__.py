"""Files of pictures that no library here takes as they are, made into such as one does."""
