"""Reads pictures by OCR and prints the text found, as JSON: one list of lines for each path.

    python benchmarks/ocr.py PICTURE...

A program of its own, for the Python that has `rapidocr-onnxruntime` (its wheel carries its models).
"""

from __future__ import annotations

import importlib
import io
import json
import sys
from contextlib import redirect_stdout

STRIP, OVERLAP = 640, 40  # rows read at a time: OCR shrinks what is larger


def main() -> int:
    try:
        with redirect_stdout(io.StringIO()):
            engine = importlib.import_module("rapidocr_onnxruntime").RapidOCR()
            numpy = importlib.import_module("numpy")
            pillow = importlib.import_module("PIL.Image")
    except ImportError as error:
        print(f"pip install rapidocr-onnxruntime ({error})", file=sys.stderr)
        return 3
    pages = []
    for path in sys.argv[1:]:
        lines: list[str] = []
        picture = pillow.open(path).convert("RGB")
        for top in range(0, picture.height, STRIP):
            strip = picture.crop((0, top, picture.width, min(picture.height, top + STRIP + OVERLAP)))
            found, _ = engine(numpy.array(strip))
            lines += [row[1] for row in found or ()]
        pages.append(lines)
    print(json.dumps(pages))
    return 0


if __name__ == "__main__":
    sys.exit(main())
