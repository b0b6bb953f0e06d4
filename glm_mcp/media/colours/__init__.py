"""Colours of HDR, of films and pictures alike."""
