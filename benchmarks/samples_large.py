"""The large inputs of media.py, made once and cached: nothing is downloaded, and making them is not measured."""

from __future__ import annotations

import importlib
import io
import random
import sys
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "tests"))  # for the makers that the tests have

WORDS = [
    *(
        "amber",
        "basket",
        "candle",
        "dragon",
        "ember",
        "falcon",
        "garden",
        "harbor",
        "island",
        "jungle",
        "kettle",
        "lantern",
        "marble",
        "needle",
        "orange",
    ),
    *(
        "pepper",
        "quartz",
        "ribbon",
        "saddle",
        "timber",
        "umbrella",
        "velvet",
        "walnut",
        "yellow",
        "anchor",
        "bridge",
        "cactus",
        "desert",
        "engine",
        "forest",
    ),
]
TALL_SIZE = (1080, 24_000)
TALL_STEP = 48  # pixels from one line of text to the next
TALL_FONT = 12
ROWS = 400  # of each sample document's table
FILM_FPS, FILM_SECONDS, FILM_SIZE = 15, 3600, (640, 360)
PHOTO_50 = (8192, 6144)
PHOTO_12 = (4032, 3024)
BIG = 200_000_000


def tall_lines() -> list[str]:
    """The words of the tall screenshot, line by line."""
    chance = random.Random(1)
    count = TALL_SIZE[1] // TALL_STEP
    return [
        " ".join([f"{n + 1000}", *chance.sample(WORDS, 5), str(chance.randrange(10_000, 99_999))])
        for n in range(count)
    ]


def tall(path: Path) -> None:
    from PIL import Image, ImageDraw, ImageFont

    picture = Image.new("RGB", TALL_SIZE, "white")
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(TALL_FONT)
    for n, line in enumerate(tall_lines()):
        y = n * TALL_STEP
        draw.rectangle((40, y + 4, 1040, y + 40), fill="#f4f6f8" if n % 2 else "#ffffff", outline="#d0d4d8")
        draw.text((60 + n % 7 * 60, y + 15), line, fill="#202428", font=font)
    picture.save(path)


def _grain(width: int, height: int, spread: float) -> Any:
    return importlib.import_module("support.pictures").grain(width, height, spread)


def _photo(size: tuple[int, int]) -> Any:
    from PIL import Image

    with Image.open(HERE.parent / "glm_mcp" / "samples" / "photo.jpg") as sample:
        base = sample.convert("RGB").resize(size, Image.Resampling.BICUBIC)
    tile = _grain(1024, 1024, 40).convert("RGB")
    noise = Image.new("RGB", size)
    for x in range(0, size[0], 1024):
        for y in range(0, size[1], 1024):
            noise.paste(tile, (x, y))
    return Image.blend(base, noise, 0.15)


def photo_50(path: Path) -> None:
    _photo(PHOTO_50).save(path, quality=90)


def photo_12(path: Path) -> None:
    _photo(PHOTO_12).save(path, quality=90)


def heic_12(path: Path) -> None:
    import pillow_heif

    pillow_heif.register_heif_opener()
    _photo(PHOTO_12).save(
        path, quality=70
    )  # without the maker that a camera writes: nothing says that it is a photo


def clear_24(path: Path) -> None:
    """A drawing with transparency, 24 megapixels."""
    from PIL import Image, ImageDraw

    picture = Image.new("RGBA", (6000, 4000), (0, 0, 0, 0))
    draw = ImageDraw.Draw(picture)
    for n in range(0, 6000, 40):
        draw.line((n, 0, 6000 - n, 4000), fill=(n % 256, 80, 160, 200), width=5)
        draw.text((n, n % 4000), f"label {n}", fill=(0, 0, 0, 255))
    picture.save(path, compress_level=1)


def film_hour(path: Path) -> None:
    """An hour at 360p. Each frame carries its number (tests/support/films.py) over a moving texture."""
    films = importlib.import_module("support.films")
    width, height = FILM_SIZE
    below = _textures(width, height // 2, 48)

    def planes(number: int) -> bytes:
        marks = films.mark(number)
        bars = b"".join((b"\xeb" if bit else b"\x10") * (width // films.BITS) for bit in marks)
        return bars.ljust(width, b"\x10") * (height // 2) + below[number % len(below)]

    _encode(path, FILM_SIZE, FILM_FPS, planes, FILM_FPS * FILM_SECONDS, {"crf": "30", "g": "150"})


def film_200(path: Path) -> None:
    """Some minutes of 1080p, until the file has 200 MB."""
    textures = _textures(1920, 1080, 12, spread=60)
    options = {"b": "16M", "maxrate": "16M", "bufsize": "16M", "g": "100"}
    _encode(path, (1920, 1080), 25, lambda n: textures[n % len(textures)], 25 * 600, options, until=BIG)


def _textures(width: int, height: int, count: int, spread: int = 40) -> list[bytes]:
    whole = _grain(width // 4, height // 4 + count, spread).resize((width, height + 4 * count))
    return [whole.crop((0, 4 * n, width, 4 * n + height)).tobytes() for n in range(count)]


def _encode(
    path: Path,
    size: tuple[int, int],
    fps: int,
    luma: Callable[[int], bytes],
    frames: int,
    options: dict[str, str],
    until: int = 0,
) -> None:
    import av

    width, height = size
    written = 0
    with av.open(path, "w", format="mp4") as container:
        stream: Any = container.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"preset": "ultrafast", "sc_threshold": "0", **options}
        for number in range(frames):
            frame = av.VideoFrame(width, height, "yuv420p")
            line = frame.planes[0].line_size
            data = luma(number)
            if line != width:
                data = b"".join(data[i : i + width].ljust(line, b"\0") for i in range(0, len(data), width))
            frame.planes[0].update(data)
            for plane in frame.planes[1:]:
                plane.update(bytes([128]) * plane.buffer_size)
            frame.pts, frame.time_base = number, Fraction(1, fps)
            packets = stream.encode(frame)
            written += sum(packet.size for packet in packets)
            container.mux(packets)
            if until and written > until:
                break
        container.mux(stream.encode(None))


def _documents() -> Any:
    return importlib.import_module("support.made_documents")


def pdf_500(path: Path) -> None:
    """500 pages of running text with a ruled table each."""
    made, chance = _documents(), random.Random(2)
    pages = []
    for n in range(1, 501):
        text = [f"Chapter page {n}"] + [" ".join(chance.choices(WORDS, k=11)) + "." for _ in range(30)]
        table = [["item", "count", "price"]] + [[f"r{n}x{i}", str(i * n), f"{i}.{n}"] for i in range(1, 6)]
        pages.append(made.lines(text) + made.grid(table, top=230))
    path.write_bytes(made.pdf(pages))


def pdf_200(path: Path) -> None:
    """200 MB: 100 pages of text, each with a photo of 2 MB."""
    made = _documents()
    objects: list[bytes] = [b"<< /Type /Catalog /Pages 2 0 R >>", b"", b""]
    objects[2] = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
    kids = []
    count = 100
    out = io.BytesIO()
    _grain(2400, 2000, 60).save(out, "JPEG", quality=55)
    jpeg = out.getvalue()
    jpeg += bytes(max(0, BIG // count - len(jpeg)))  # readers stop at the picture's own end
    for n in range(1, count + 1):
        content = (
            made.lines([f"Page {n} {' '.join(WORDS[:8])}" for _ in range(20)])
            + "q 300 0 0 250 72 60 cm /Im1 Do Q\n"
        ).encode()
        page = len(objects) + 1
        kids.append(f"{page} 0 R")
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {page + 1} 0 R "
            f"/Resources << /Font << /F1 3 0 R >> /XObject << /Im1 {page + 2} 0 R >> >> >>".encode()
        )
        objects.append(f"<< /Length {len(content)} >>\nstream\n".encode() + content + b"\nendstream")
        objects.append(
            b"<< /Type /XObject /Subtype /Image /Width 2400 /Height 2000 /ColorSpace /DeviceGray "
            b"/BitsPerComponent 8 /Filter /DCTDecode /Length %d >>\nstream\n"
            % len(jpeg)
            + jpeg
            + b"\nendstream"
        )
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {count} >>".encode()
    path.write_bytes(made.assemble(objects))


def table() -> list[list[str]]:
    """The rows that every sample document holds; the first cell of each is its own."""
    chance = random.Random(3)
    return [
        [f"item-{n:04d}", chance.choice(WORDS), str(chance.randrange(10_000)), f"{chance.random():.3f}"]
        for n in range(1, ROWS + 1)
    ]


HEAD = ["key", "name", "count", "share"]
PER_PAGE = 25


def _pages() -> list[Sequence[list[str]]]:
    rows = table()
    return [rows[i : i + PER_PAGE] for i in range(0, len(rows), PER_PAGE)]


def table_pdf(path: Path) -> None:
    made = _documents()
    pages = [
        made.lines([f"Sheet marker-{n:02d} of the register"]) + made.grid([HEAD, *rows], top=720)
        for n, rows in enumerate(_pages(), 1)
    ]
    path.write_bytes(made.pdf(pages))


def table_xlsx(path: Path) -> None:
    xlsxwriter: Any = importlib.import_module("xlsxwriter")
    book = xlsxwriter.Workbook(str(path))
    for n, rows in enumerate(_pages(), 1):
        sheet = book.add_worksheet(f"marker-{n:02d}")
        for i, row in enumerate([HEAD, *rows]):
            sheet.write_row(i, 0, row)
    book.close()


def table_docx(path: Path) -> None:
    made = _documents()

    def row(cells: Sequence[str]) -> str:
        wrapped = (f"<w:tc><w:p><w:r><w:t>{cell}</w:t></w:r></w:p></w:tc>" for cell in cells)
        return f"<w:tr>{''.join(wrapped)}</w:tr>"

    body = ""
    for n, rows in enumerate(_pages(), 1):
        body += f"<w:p><w:r><w:t>Sheet marker-{n:02d} of the register</w:t></w:r></w:p>"
        body += f"<w:tbl>{''.join(row(r) for r in [HEAD, *rows])}</w:tbl>"
    path.write_bytes(made.docx(body))


def table_pptx(path: Path) -> None:
    pptx: Any = importlib.import_module("pptx")
    show = pptx.Presentation()
    for n, rows in enumerate(_pages(), 1):
        slide = show.slides.add_slide(show.slide_layouts[5])
        slide.shapes.title.text = f"Sheet marker-{n:02d} of the register"
        cells = slide.shapes.add_table(len(rows) + 1, len(HEAD), 0, 0, 8_000_000, 4_000_000).table
        for i, row in enumerate([HEAD, *rows]):
            for j, value in enumerate(row):
                cells.cell(i, j).text = value
    show.save(str(path))


def table_csv(path: Path) -> None:
    lines = [",".join(row) for row in [HEAD, *table()]]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def table_html(path: Path) -> None:
    parts = ["<!doctype html><title>register</title>"]
    for n, rows in enumerate(_pages(), 1):
        cells = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in [HEAD, *rows])
        parts.append(f"<h2>Sheet marker-{n:02d} of the register</h2><table>{cells}</table>")
    path.write_text("\n".join(parts), encoding="utf-8")


MAKERS: dict[str, Callable[[Path], None]] = {
    "tall.png": tall,
    "photo50.jpg": photo_50,
    "photo12.jpg": photo_12,
    "photo12.heic": heic_12,
    "clear24.png": clear_24,
    "pages500.pdf": pdf_500,
    "big200.pdf": pdf_200,
    "table.pdf": table_pdf,
    "table.xlsx": table_xlsx,
    "table.docx": table_docx,
    "table.pptx": table_pptx,
    "table.csv": table_csv,
    "table.html": table_html,
    "hour.mp4": film_hour,
    "big200.mp4": film_200,
}


def make_all(folder: Path) -> Path:
    """The folder with every sample in it; what is there already stays."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, maker in MAKERS.items():
        path = folder / name
        if not path.exists():
            print(f"making {name} …", flush=True)
            part = path.with_name("part-" + name)
            maker(part)
            part.rename(path)
    return folder
