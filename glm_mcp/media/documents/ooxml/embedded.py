"""Objects of other programs that lie in an office file, such as a table of Excel on a slide."""

from __future__ import annotations

import contextlib
import io
from xml.etree import ElementTree as ET

from glm_mcp.media.detect import detect
from glm_mcp.media.documents.containers.compound import compound_file
from glm_mcp.media.documents.ooxml.mathtype import NATIVE, native_formula
from glm_mcp.media.documents.ooxml.package import Package, relation, value
from glm_mcp.media.worker_child import load

_DEPTH = 2  # files within files
FILES = 50  # of one file
_SHOWN = 20_000  # characters of one: a slide shows a corner of a whole workbook
_PACKAGE = "Package"  # the stream of a container that holds a file of today
_READ = ("docx", "doc", "pptx", "ppt", "xlsx", "xlsb", "xls")


def _program(element: ET.Element) -> str:
    return value(element, name="progId") or value(element, name="ProgID") or ""


def embedded(element: ET.Element) -> str:
    """The name of the program whose object is embedded here; "" when it names none."""
    program = _program(element)
    return f"[embedded: {program}]" if program else ""


def embedded_formula(package: Package, part: str, element: ET.Element) -> str:
    """The formula of MathType or of Word's older editor that is embedded here; "" for any other object."""
    if not _program(element).startswith(("Equation", "MathType")):
        return ""
    path = package.link(part, relation(element)).target
    if path not in package.formulas:
        package.formulas[path] = formula_within(package.read(path), package.name)
    return package.formulas[path]


def formula_within(data: bytes, name: str) -> str:
    """The formula that a storage of MathType or of Word's older editor holds; "" for any other."""
    with contextlib.suppress(OSError, ValueError), compound_file(io.BytesIO(data), name) as container:
        return native_formula(container.openstream(NATIVE).read())
    return ""


def embedded_text(package: Package, part: str, element: ET.Element, place: str) -> str:
    """What the office file says that is embedded here, where it is met first; "" for any other object."""
    path = package.link(part, relation(element)).target
    if path in package.within or len(package.within) >= FILES:
        return ""
    package.within.add(path)
    try:
        return text_within(package.read(path), path, package.depth + 1)
    except Exception:  # noqa: BLE001 - whatever its reader stumbles on, the file around it is whole
        package.left_out.add("embedded files that cannot be read", place)
        return ""


def text_within(data: bytes, name: str, depth: int) -> str:
    """What an office file says that lies so many files deep, shortened and without what it says of itself; "" for any other
    file. Raises whatever its reader does.
    """
    if depth > _DEPTH:
        return ""
    with contextlib.suppress(OSError), compound_file(io.BytesIO(data), name) as container:
        if container.exists(_PACKAGE):
            data = container.openstream(_PACKAGE).read()
    kind = detect(data)
    if kind.name not in _READ:
        return ""
    facts, _ = load(kind.reader)(io.BytesIO(data), {"name": name, "kind": kind.name, "depth": depth})
    about = facts.get("about", "")
    texts = [page[2].removesuffix(f"\n\n{about}") if about else page[2] for page in facts["pages"]]
    text = "\n\n".join(text for text in texts if text)
    more = f"\n… ({len(text) - _SHOWN:,} characters more)" if len(text) > _SHOWN else ""
    return f"{text[:_SHOWN]}{more}"
