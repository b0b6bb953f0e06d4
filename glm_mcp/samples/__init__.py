"""Sample media for the demo, drawn for this project: they carry its licence."""

from pathlib import Path

FOLDER = Path(__file__).parent
