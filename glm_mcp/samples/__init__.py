"""Sample media for the demo, made by scripts/make-samples."""

from pathlib import Path

FOLDER = Path(__file__).parent
