"""One source in, content parts out: pictures, videos and documents made ready for the models."""
