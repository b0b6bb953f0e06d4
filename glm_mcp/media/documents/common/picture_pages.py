"""Where the pictures of each kind of file stand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, BinaryIO

from glm_mcp.media.documents import opendocument
from glm_mcp.media.documents.common.shown import PagesShown, Parts, Shown, slides_shown
from glm_mcp.media.documents.containers.outlook import pictures_of_msg
from glm_mcp.media.documents.containers.tnef import pictures_of_tnef
from glm_mcp.media.documents.doc import word_package
from glm_mcp.media.documents.docx import main_text, word_archive
from glm_mcp.media.documents.eml import pictures_of_box, pictures_of_mail
from glm_mcp.media.documents.epub import pictures_of_book
from glm_mcp.media.documents.hangul.hwp import pictures_of_hwp
from glm_mcp.media.documents.hangul.hwpx import pictures_of_hwpx
from glm_mcp.media.documents.iwork.read import pictures_of_iwork
from glm_mcp.media.documents.odf.container import open_container
from glm_mcp.media.documents.odf.shown import FramePictures
from glm_mcp.media.documents.ooxml.deck import slides_of
from glm_mcp.media.documents.ooxml.package import Package
from glm_mcp.media.documents.ooxml.shown import SlidePictures, in_text
from glm_mcp.media.documents.pages import LeftOut
from glm_mcp.media.documents.rtf import pictures_of_rtf
from glm_mcp.media.documents.sheets.ods import pictures_of_ods
from glm_mcp.media.documents.sheets.xlsb import pictures_of_xlsb
from glm_mcp.media.documents.sheets.xlsx import pictures_of_xlsx
from glm_mcp.media.documents.slides.ppt import pictures_of_ppt
from glm_mcp.media.documents.spreadsheet import pictures_of_old_sheets
from glm_mcp.media.documents.web.comic import pictures_of_comic
from glm_mcp.media.documents.web.evernote import pictures_of_notes
from glm_mcp.media.documents.web.mobi import pictures_of_mobi
from glm_mcp.media.documents.web.page import pictures_of_page
from glm_mcp.media.documents.web.webarchive import pictures_of_webarchive
from glm_mcp.media.documents.zip_xml import open_zip

_TEXT = "the text"  # what a page is called that is all of a text


def pages_shown(file: BinaryIO, params: dict[str, Any], left_out: LeftOut) -> PagesShown:
    """Those of the pages `params["numbers"]` of a file of `params["kind"]`. Raises UnsupportedMedia, MediaTooLarge,
    InvalidRequest; reading the pages may too.
    """
    return _READERS[params["kind"]](file, params, left_out)


def _word(file: BinaryIO, params: dict[str, Any], left_out: LeftOut) -> PagesShown:
    is_old = params["kind"] == "doc"
    name = params["name"]
    archive, _ = word_package(file, name, pictures=True) if is_old else word_archive(file, params)
    package = Package(archive, name, left_out)
    main, bodies = main_text(package)
    shown = [picture for body in bodies for picture in in_text(package, main, body)]
    return _text(package, shown)


def _powerpoint(file: BinaryIO, params: dict[str, Any], left_out: LeftOut) -> PagesShown:
    package = Package(open_zip(file, params["name"]), params["name"], left_out)
    slides = slides_of(package)
    pictures = SlidePictures(package, slides)

    def on(number: int) -> list[Shown]:
        tree = package.tree(slides[number - 1])
        return [] if tree is None else pictures.on(slides[number - 1], tree)

    return slides_shown(package, params["numbers"], len(slides), on)


def _open_document(file: BinaryIO, params: dict[str, Any], left_out: LeftOut) -> PagesShown:
    package = Package(open_container(file, params["name"]), params["name"], left_out)
    body = opendocument.body_of(package.tree("content.xml"))
    slides = [] if body is None else opendocument.slides_of(body)
    pictures = FramePictures(package, slides, package.tree("styles.xml"))
    if not slides:
        return _text(package, [] if body is None else pictures.on(body))
    return slides_shown(package, params["numbers"], len(slides), lambda n: pictures.on(slides[n - 1]))


def _workbook(file: BinaryIO, params: dict[str, Any], left_out: LeftOut) -> PagesShown:
    package = Package(open_zip(file, params["name"]), params["name"], left_out)
    reader = pictures_of_xlsx if params["kind"] == "xlsx" else pictures_of_xlsb
    return reader(package, params["numbers"])


def _open_workbook(file: BinaryIO, params: dict[str, Any], left_out: LeftOut) -> PagesShown:
    archive = open_container(file, params["name"])
    return pictures_of_ods(Package(archive, params["name"], left_out), archive, params["numbers"])


def _hangul(file: BinaryIO, params: dict[str, Any], left_out: LeftOut) -> PagesShown:
    reader = pictures_of_hwp if params["kind"] == "hwp" else pictures_of_hwpx
    return _text(*reader(file, params, left_out))


def _text(package: Parts, shown: list[Shown]) -> PagesShown:
    return PagesShown(package, iter([(1, _TEXT, shown)]))


_READERS: dict[str, Callable[[BinaryIO, dict[str, Any], LeftOut], PagesShown]] = {
    **dict.fromkeys(("docx", "doc"), _word),
    "pptx": _powerpoint,
    **dict.fromkeys(("xlsx", "xlsb"), _workbook),
    "xls": pictures_of_old_sheets,
    "ods": _open_workbook,
    "ppt": lambda file, params, _: pictures_of_ppt(file, params),
    **dict.fromkeys(("hwp", "hwpx"), _hangul),
    "mobi": pictures_of_mobi,
    "cbz": pictures_of_comic,
    **dict.fromkeys(("pages", "numbers", "keynote"), pictures_of_iwork),
    "epub": pictures_of_book,
    "mail": pictures_of_mail,
    "mbox": pictures_of_box,
    "msg": pictures_of_msg,
    "tnef": pictures_of_tnef,
    "html": pictures_of_page,
    "rtf": pictures_of_rtf,
    "evernote": pictures_of_notes,
    "webarchive": pictures_of_webarchive,
    **dict.fromkeys(("odt", "odp", "odg"), _open_document),
}
