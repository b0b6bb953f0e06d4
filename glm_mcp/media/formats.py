"""Every kind of file, one row each: how it is known, who reads it, and what to say where nobody does.

Readers, refusals, limits, completion suffixes and the extras that `doctor` looks for come from here; `detect` tells the
kind of a file. A new kind is a row, and a reader with the signature of `worker_child.Job` where it has one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

from glm_mcp.errors import MediaTooLarge, UnsupportedMedia

Family = Literal["image", "video", "audio", "document", "text", "unknown"]
Want = Literal["image", "video", "document", "any"]

_MB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Kind:
    """`title`: what it is, as a user says it. `suffixes`: of names, the usual one first.

    `magic`: (offset, bytes) by which it is known beyond doubt; `detect` knows the others by a closer look.
    `reader`: "module:function" of the job that reads it, "" where no tool does. `extra`: the optional part that this
    needs. `limit_mb`: of the file. `child`: read in a process of its own always, not only when it is large.
    `fix`: what to do where no tool takes it, or not the one that was called.
    """

    name: str
    family: Family
    mime: str
    title: str
    suffixes: tuple[str, ...] = ()
    magic: tuple[tuple[int, bytes], ...] = ()
    reader: str = ""
    extra: str = ""
    limit_mb: int = 500
    child: bool = False
    fix: str = ""


_DOCUMENTS, _IMAGES = "glm_mcp.media.documents.", "glm_mcp.media.images."
_TEXT, _PICTURE = _DOCUMENTS + "plaintext:text_job", _IMAGES + "pipeline:image_job"
_FILM = "glm_mcp.media.video.job:video_job"
_OOXML, _ODF = "application/vnd.openxmlformats-officedocument.", "application/vnd.oasis.opendocument."

_UNPACK = "Unpack it and pass the files in it."
_SOUND = "No tool here takes sound: pass a transcript."
RECORD = "Record a piece of it into a file first (for instance with ffmpeg) and pass that."
_AS_PICTURE = "Save it as PNG or JPEG in a program that opens it."
_AS_PDF = "Save or export it as PDF."
_OPEN_CONTENT = "Pass what it was made from: the source, or an export as text."


def _words(text: str) -> tuple[str, ...]:
    return tuple("." + word for word in text.split())


_CODE = _words(
    "py pyi pyw js mjs cjs jsx ts tsx c h cc cpp cxx hpp hh cu cs css scss sass less dart diff patch go groovy gradle "
    "ini cfg conf properties toml yaml yml java lua php proto r scala sql svelte vue swift tex zig rb rs kt kts pl sh bash "
    "zsh fish ps1 bat cmd m mm hs ex exs erl jl ml clj vb f90 asm s sol tf graphql nix v vhd json5 jsonl ndjson"
)

# fmt: off
_IMAGE_KINDS = (
    Kind("png", "image", "image/png", "a PNG picture", (".png", ".apng"), ((0, b"\x89PNG\r\n\x1a\n"),), _PICTURE),
    Kind("jpeg", "image", "image/jpeg", "a JPEG picture", (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"), ((0, b"\xff\xd8\xff"),), _PICTURE),
    Kind("webp", "image", "image/webp", "a WebP picture", (".webp",), reader=_PICTURE),
    Kind("gif", "image", "image/gif", "a GIF picture", (".gif",), ((0, b"GIF87a"), (0, b"GIF89a")), _PICTURE),
    Kind("heic", "image", "image/heic", "a HEIC picture", (".heic", ".heif", ".hif"), reader=_PICTURE, extra="heic", child=True),
    Kind("avif", "image", "image/avif", "an AVIF picture", (".avif",), reader=_PICTURE, child=True),  # its pixels may be more than its head says
    Kind("raw", "image", "image/x-dcraw", "a camera's raw picture", _words("cr2 cr3 crw nef arw dng raf orf rw2 pef srw x3f"), ((8, b"CR\2\0"), (0, b"FUJIFILMCCD-RAW"), (0, b"IIRO\x08\0"), (0, b"IIRS\x08\0"), (0, b"IIU\0"), (6, b"HEAPCCDR"), (0, b"FOVb")), _PICTURE, child=True),  # before TIFF, which some of them are as well
    Kind("tiff", "image", "image/tiff", "a TIFF picture", (".tiff", ".tif"), ((0, b"II*\0"), (0, b"MM\0*"), (0, b"II+\0"), (0, b"MM\0+")), _PICTURE, child=True),
    Kind("bmp", "image", "image/bmp", "a BMP picture", (".bmp",), reader=_PICTURE, child=True),
    Kind("dib", "image", "image/x-ms-dib", "a DIB picture", (".dib",), reader=_PICTURE, child=True),
    Kind("ico", "image", "image/x-icon", "a Windows icon", (".ico",), reader=_PICTURE, child=True),
    Kind("cur", "image", "image/x-win-bitmap", "a Windows cursor", (".cur",), reader=_PICTURE, child=True),
    Kind("icns", "image", "image/x-icns", "a macOS icon", (".icns",), ((0, b"icns\0"),), _PICTURE, child=True),
    Kind("jp2", "image", "image/jp2", "a JPEG 2000 picture", (".jp2", ".j2k", ".jpx", ".jpf", ".j2c", ".jpc"), ((0, b"\0\0\0\x0cjP  \r\n\x87\n"), (0, b"\xff\x4f\xff\x51")), _PICTURE, child=True),
    Kind("pnm", "image", "image/x-portable-anymap", "a PNM picture", (".ppm", ".pgm", ".pbm", ".pnm"), reader=_PICTURE, child=True),
    Kind("tga", "image", "image/x-tga", "a Targa picture", (".tga", ".icb", ".vda", ".vst"), reader=_PICTURE, child=True),
    Kind("qoi", "image", "image/qoi", "a QOI picture", (".qoi",), ((0, b"qoif\0"),), _PICTURE, child=True),
    Kind("psd", "image", "image/vnd.adobe.photoshop", "a Photoshop picture", (".psd", ".psb"), ((0, b"8BPS\0\1"), (0, b"8BPS\0\2")), _PICTURE, child=True),
    Kind("pcx", "image", "image/x-pcx", "a PCX picture", (".pcx",), reader=_PICTURE, child=True),
    Kind("dds", "image", "image/vnd-ms.dds", "a DDS texture", (".dds",), ((0, b"DDS \x7c\0\0\0"),), _PICTURE, child=True),
    Kind("sgi", "image", "image/sgi", "an SGI picture", (".sgi", ".rgba", ".bw"), ((0, b"\1\xda\0\1\0"), (0, b"\1\xda\1\1\0"), (0, b"\1\xda\0\2\0"), (0, b"\1\xda\1\2\0")), _PICTURE, child=True),
    Kind("svg", "image", "image/svg+xml", "an SVG drawing", (".svg", ".svgz"), reader=_IMAGES + "svg.draw:svg_job", extra="svg", child=True),
    Kind("jxl", "image", "image/jxl", "a JPEG XL picture", (".jxl",), ((0, b"\0\0\0\x0cJXL \r\n\x87\n"), (0, b"\xff\x0a")), _PICTURE, "jxl", child=True),
    Kind("exr", "image", "image/x-exr", "an OpenEXR picture", (".exr",), ((0, b"\x76\x2f\x31\x01"),), _PICTURE, "video", child=True),
    Kind("hdr", "image", "image/vnd.radiance", "a Radiance picture", (".hdr", ".rgbe"), ((0, b"#?RADIANCE\n"), (0, b"#?RGBE\n")), _PICTURE, "video", child=True),
    Kind("pam", "image", "image/x-portable-arbitrarymap", "a PAM picture", (".pam",), ((0, b"P7\nWIDTH "),), _PICTURE, child=True),
    Kind("xbm", "image", "image/x-xbitmap", "an XBM picture", (".xbm",), reader=_PICTURE, child=True),
    Kind("xpm", "image", "image/x-xpixmap", "an XPM picture", (".xpm",), reader=_PICTURE, child=True),
    Kind("layered", "image", "application/x-layered", "a drawing of a design program", (".kra", ".ora", ".sketch", ".fig", ".procreate", ".xd"), reader=_IMAGES + "rare.layered:layered_job", child=True),
    Kind("dcx", "image", "image/x-dcx", "a DCX fax", (".dcx",), ((0, b"\xb1\x68\xde\x3a"),), fix="Save it as TIFF or PDF."),
    Kind("xcf", "image", "image/x-xcf", "a GIMP picture", (".xcf",), ((0, b"gimp xcf "),), fix=_AS_PICTURE),
    Kind("jxr", "image", "image/jxr", "a JPEG XR picture", (".jxr", ".wdp", ".hdp"), ((0, b"II\xbc\1"),), fix=_AS_PICTURE),
    Kind("dicom", "image", "application/dicom", "a DICOM picture", (".dcm",), ((128, b"DICM"),), fix="Export it as PNG from a DICOM viewer."),
    Kind("emf", "image", "image/emf", "a Windows metafile", (".emf", ".wmf"), ((40, b" EMF\0\0\1\0"), (0, b"\xd7\xcd\xc6\x9a\0\0"), (0, b"\1\0\x09\0\0\3")), _IMAGES + "rare.metafile:metafile_job", "emf", child=True),
    Kind("postscript", "image", "application/postscript", "a PostScript drawing", (".eps", ".ps"), ((0, b"%!PS"), (0, b"\xc5\xd0\xd3\xc6")), fix="Convert it to PDF (ps2pdf) or PNG."),
)

_VIDEO_KINDS = (
    Kind("h26x", "video", "video/h264", "a bare H.264 or H.265 stream", (".h264", ".264", ".h265", ".265", ".hevc"), tuple((0, begin + unit) for begin in (b"\0\0\0\1", b"\0\0\1") for unit in (b"\x67", b"\x27", b"\x09\x10", b"\x09\x30", b"\x09\xf0", b"\x40\1", b"\x46\1")), fix="Put it into an MP4, which has times: ffmpeg -i FILE -c copy film.mp4."),
    *(
        Kind(name, "video", mime, title, suffixes, magic, _FILM, "video", 20 * 1024, child=True)
        for name, mime, title, suffixes, magic in (
            ("mp4", "video/mp4", "an MP4 video", (".mp4",), ()),
            ("mov", "video/quicktime", "a QuickTime video", (".mov", ".qt"), ()),
            ("mkv", "video/x-matroska", "a Matroska video", (".mkv",), ()),
            ("webm", "video/webm", "a WebM video", (".webm",), ()),
            ("avi", "video/x-msvideo", "an AVI video", (".avi",), ()),
            ("m4v", "video/x-m4v", "an M4V video", (".m4v",), ()),
            ("3gp", "video/3gpp", "a 3GP video", (".3gp", ".3g2"), ()),
            ("flv", "video/x-flv", "an FLV video", (".flv",), ((0, b"FLV\x01"),)),
            ("wmv", "video/x-ms-asf", "a Windows Media video", (".wmv", ".asf"), ((0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),)),
            ("mpg", "video/mpeg", "an MPEG video", (".mpg", ".mpeg", ".vob", ".m2v", ".m1v"), ((0, b"\0\0\1\xba"), (0, b"\0\0\1\xb3"))),
            ("ts", "video/mp2t", "an MPEG transport stream", (".m2ts", ".mts"), ()),  # .ts belongs to source code
            ("ogv", "video/ogg", "an Ogg video", (".ogv", ".ogm"), ()),
            ("mxf", "application/mxf", "an MXF video", (".mxf",), ((0, b"\x06\x0e\x2b\x34\2\5\1\1\x0d\1\2"),)),
            ("dv", "video/dv", "a DV video", (".dv",), ((0, b"\x1f\7\0\x3f"), (0, b"\x1f\7\0\xbf"))),
            ("ivf", "video/x-ivf", "an IVF video", (".ivf",), ((0, b"DKIF\0\0"),)),
            ("rm", "application/vnd.rn-realmedia", "a RealMedia video", (".rm", ".rmvb"), ((0, b".RMF\0\0\0"),)),
        )
    ),
    *(
        Kind(name, "audio", mime, title, suffixes, magic, fix=_SOUND)
        for name, mime, title, suffixes, magic in (
            ("mp3", "audio/mpeg", "an MP3 sound file", (".mp3",), ((0, b"ID3\2"), (0, b"ID3\3"), (0, b"ID3\4"))),
            ("m4a", "audio/mp4", "an M4A sound file", (".m4a", ".m4b"), ()),
            ("aac", "audio/aac", "an AAC sound file", (".aac",), ((0, b"\xff\xf1"), (0, b"\xff\xf9"))),
            ("wav", "audio/wav", "a WAV sound file", (".wav",), ()),
            ("flac", "audio/flac", "a FLAC sound file", (".flac",), ((0, b"fLaC\0"),)),
            ("ogg", "audio/ogg", "an Ogg sound file", (".ogg", ".oga", ".opus"), ()),
            ("amr", "audio/amr", "an AMR sound file", (".amr",), ((0, b"#!AMR"),)),
            ("midi", "audio/midi", "a MIDI file", (".mid", ".midi"), ((0, b"MThd\0\0\0\6"),)),
            ("caf", "audio/x-caf", "a CAF sound file", (".caf",), ((0, b"caff\0\1"),)),
            ("aiff", "audio/aiff", "an AIFF sound file", (".aiff", ".aif"), ((8, b"AIFF"), (8, b"AIFC"))),
        )
    ),
)

_DOCUMENT_KINDS = (
    Kind("pdf", "document", "application/pdf", "a PDF", (".pdf", ".ai"), reader=_DOCUMENTS + "pdf:pdf_job", child=True, fix="Use read_document with mode=vision for what its pages show; pages=2 takes the second alone."),
    *(
        Kind(name, "document", mime, title, suffixes, (), _DOCUMENTS + reader, extra, 100, child=True)
        for name, mime, title, suffixes, reader, extra in (
            ("docx", _OOXML + "wordprocessingml.document", "a Word document", (".docx", ".docm", ".dotx", ".dotm"), "docx:docx_job", ""),
            ("pptx", _OOXML + "presentationml.presentation", "a PowerPoint presentation", (".pptx", ".pptm", ".ppsx", ".ppsm", ".potx", ".potm"), "pptx:pptx_job", ""),
            ("xlsx", _OOXML + "spreadsheetml.sheet", "an Excel workbook", (".xlsx", ".xlsm", ".xltx", ".xltm"), "spreadsheet:sheets_job", ""),
            ("xlsb", "application/vnd.ms-excel.sheet.binary.macroenabled.12", "a binary Excel workbook", (".xlsb",), "spreadsheet:sheets_job", "office"),
            ("ods", _ODF + "spreadsheet", "an OpenDocument spreadsheet", (".ods", ".ots", ".fods"), "spreadsheet:sheets_job", ""),
            ("odt", _ODF + "text", "an OpenDocument text", (".odt", ".ott", ".fodt"), "opendocument:open_document_job", ""),
            ("odp", _ODF + "presentation", "an OpenDocument presentation", (".odp", ".otp", ".fodp"), "opendocument:open_document_job", ""),
            ("odg", _ODF + "graphics", "an OpenDocument drawing", (".odg", ".fodg"), "opendocument:open_document_job", ""),
            ("epub", "application/epub+zip", "an EPUB book", (".epub",), "epub:epub_job", "office"),
            ("pages", "application/vnd.apple.pages", "a Pages document", (".pages",), "iwork.read:iwork_job", ""),
            ("numbers", "application/vnd.apple.numbers", "a Numbers spreadsheet", (".numbers",), "iwork.read:iwork_job", ""),
            ("keynote", "application/vnd.apple.keynote", "a Keynote presentation", (".key",), "iwork.read:iwork_job", ""),
        )
    ),
    Kind("xls", "document", "application/vnd.ms-excel", "an Excel workbook of the old format", (".xls", ".xlt", ".et", ".ett"), tuple((0, begin) for begin in (b"\x09\0\4\0", b"\x09\2\6\0", b"\x09\4\6\0", b"\x09\x08\x08\0", b"\x09\x08\x10\0")), _DOCUMENTS + "spreadsheet:sheets_job", "office", 100, child=True),  # by magic where its records are the whole file
    Kind("rtf", "document", "application/rtf", "an RTF document", (".rtf",), ((0, b"{\\rtf"),), _DOCUMENTS + "rtf:rtf_job", limit_mb=50, child=True),
    Kind("doc", "document", "application/msword", "a Word document of the old format", (".doc", ".dot", ".wps", ".wpt"), reader=_DOCUMENTS + "doc:doc_job", extra="office", limit_mb=100, child=True),
    Kind("write", "document", "application/msword", "a document of Word before 6.0", magic=((0, b"\xdb\xa5-\0"), (0, b"\x31\xbe\0\0")), fix="Save it as DOCX or PDF."),
    Kind("ppt", "document", "application/vnd.ms-powerpoint", "a PowerPoint presentation of the old format", (".ppt", ".pps", ".pot", ".dps", ".dpt"), reader=_DOCUMENTS + "slides.ppt:ppt_job", extra="office", limit_mb=100, child=True),
    Kind("encrypted", "document", "application/x-encrypted-ooxml", "an encrypted Office file", fix="Save it without a password, or as a PDF with one. Where Excel opens a workbook without asking, take its protection off first (Review > Protect Workbook)."),
    Kind("msg", "document", "application/vnd.ms-outlook", "an Outlook message", (".msg",), reader=_DOCUMENTS + "containers.outlook:msg_job", extra="office", limit_mb=100, child=True),
    Kind("tnef", "document", "application/vnd.ms-tnef", "an Outlook message packed into winmail.dat", (".tnef",), ((0, b"\x78\x9f\x3e\x22"),), _DOCUMENTS + "containers.tnef:tnef_job", "office", 100, child=True),
    Kind("zip", "document", "application/zip", "an archive (zip)", (".zip", ".jar", ".apk", ".ipa", ".whl", ".kmz"), reader=_DOCUMENTS + "containers.archive:zip_job", child=True),
    Kind("pst", "document", "application/vnd.ms-outlook-pst", "an Outlook mailbox", (".pst", ".ost"), ((0, b"!BDN"),), fix="Save the messages needed as .eml."),
    Kind("visio", "document", "application/vnd.visio", "a Visio drawing", (".vsdx", ".vsdm", ".vstx", ".vssx"), reader=_DOCUMENTS + "diagrams.visio:visio_job", limit_mb=100, child=True),
    Kind("vsd", "document", "application/vnd.visio", "a Visio drawing of before 2013", (".vsd",), fix="Export it as PDF or SVG."),
    Kind("wordperfect", "document", "application/vnd.wordperfect", "a WordPerfect document", (".wpd", ".wp"), ((0, b"\xffWPC"),), fix="Save it as DOCX or PDF (LibreOffice opens it)."),
    Kind("publisher", "document", "application/x-mspublisher", "a Publisher document", (".pub",), fix=_AS_PDF),
    Kind("indesign", "document", "application/x-indesign", "an InDesign document", (".indd", ".idml"), ((0, b"\x06\x06\xed\xf5\xd8\x1d\x46\xe5"),), fix="Export it as PDF."),
    Kind("project", "document", "application/vnd.ms-project", "a plan of Microsoft Project", (".mpp",), fix="Save it as XLSX or PDF."),
    Kind("hwpx", "document", "application/hwp+zip", "a Hangul document (HWPX)", (".hwpx",), reader=_DOCUMENTS + "hangul.hwpx:hwpx_job", limit_mb=100, child=True),
    Kind("hwp", "document", "application/x-hwp", "a Hangul document", (".hwp", ".hwt"), reader=_DOCUMENTS + "hangul.hwp:hwp_job", extra="office", limit_mb=100, child=True),
    Kind("hwp3", "document", "application/x-hwp", "a Hangul document of before 2000", magic=((0, b"HWP Document File V"),), fix="Save it as DOCX or PDF."),
    Kind("webarchive", "document", "application/x-webarchive", "a web archive of Safari", (".webarchive",), tuple((at, b"_\x10\x0fWebMainResource") for at in (11, 13, 15, 17, 21)), _DOCUMENTS + "web.webarchive:webarchive_job", "office", 50, child=True),
    Kind("ofd", "document", "application/ofd", "an OFD document", (".ofd",), reader=_DOCUMENTS + "fixed.ofd:ofd_job", limit_mb=100, child=True),
    Kind("caj", "document", "application/caj", "a CNKI document", (".caj", ".kdh", ".nh"), ((0, b"CAJ\0"), (0, b"KDH "), (0, b"HN\0\0\x90\1\0\0"), (0, b"HN\0\0\xc8\0\0\0"), (0, b"\xc8\0\0\0\0\0\0\0")), _DOCUMENTS + "fixed.caj:caj_job", limit_mb=100, child=True),
    Kind("xps", "document", "application/vnd.ms-xpsdocument", "an XPS document", (".xps", ".oxps"), reader=_DOCUMENTS + "fixed.xps:xps_job", limit_mb=100, child=True),
    Kind("mobi", "document", "application/x-mobipocket-ebook", "a Kindle book", (".mobi", ".azw", ".azw3", ".prc"), ((60, b"BOOKMOBI"), (60, b"TEXtREAd")), _DOCUMENTS + "web.mobi:mobi_job", "office", 100, child=True),
    Kind("cbz", "document", "application/vnd.comicbook+zip", "a comic book", (".cbz",), reader=_DOCUMENTS + "web.comic:comic_job", limit_mb=100, child=True),
    Kind("djvu", "document", "image/vnd.djvu", "a DjVu document", (".djvu", ".djv"), ((0, b"AT&TFORM"),), fix="Convert it to PDF (for instance with ddjvu)."),
    Kind("chm", "document", "application/vnd.ms-htmlhelp", "a Windows help file", (".chm",), ((0, b"ITSF\3"),), fix="Unpack its HTML pages (7-Zip does) and pass those."),
    Kind("onenote", "document", "application/onenote", "a OneNote notebook", (".one",), ((0, b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d"),), fix="Export it as PDF or DOCX."),
    Kind("ole", "document", "application/x-ole-storage", "a file of an old Office format", fix="Save it as DOCX, PPTX, XLSX or PDF."),
)

_TEXT_KINDS = (
    *(
        Kind(name, "text", mime, title, suffixes, (), _DOCUMENTS + reader, extra, 50, child)
        for name, mime, title, suffixes, reader, extra, child in (
            ("html", "text/html", "a web page", (".html", ".htm", ".xhtml", ".xht", ".fb2"), "web.page:html_job", "office", True),
            ("feed", "application/rss+xml", "a feed", (".rss", ".atom"), "web.feed:feed_job", "office", True),
            ("evernote", "application/enex+xml", "notes of Evernote", (".enex",), "web.evernote:notes_job", "office", True),
            ("mail", "message/rfc822", "a mail message", (".eml", ".mht", ".mhtml"), "eml:mail_job", "office", True),
            ("mbox", "application/mbox", "a mailbox", (".mbox",), "eml:mailbox_job", "office", True),
            ("xml2003", "application/vnd.ms-excel", "an Excel workbook in XML", (), "spreadsheet:sheets_job", "", True),
            ("drawio", "application/vnd.jgraph.mxfile", "a diagram of draw.io", (".drawio", ".dio"), "diagrams.drawio:drawio_job", "", True),
            ("ipynb", "application/x-ipynb+json", "a Jupyter notebook", (".ipynb",), "notebook:notebook_job", "", True),
            ("csv", "text/csv", "a CSV table", (".csv",), "markdown:table_job", "", False),
            ("tsv", "text/tab-separated-values", "a table with tabs", (".tsv", ".tab"), "markdown:table_job", "", False),
        )
    ),
    *(
        Kind(name, "text", mime, title, suffixes, (), _TEXT, "", 50)
        for name, mime, title, suffixes in (
            ("markdown", "text/markdown", "a Markdown text", (".md", ".markdown", ".mdx", ".mkd", ".rst", ".adoc", ".org")),
            ("text", "text/plain", "plain text", (".txt", ".text", ".log")),
            ("json", "application/json", "JSON", (".json", ".geojson")),
            ("xml", "application/xml", "XML", (".xml", ".xsl", ".xsd", ".plist")),
            ("subrip", "application/x-subrip", "a subtitle file", (".srt",)),
            ("vtt", "text/vtt", "a subtitle file", (".vtt",)),
            ("code", "text/x-source", "source code", _CODE),
        )
    ),
    *(
        Kind(name, "text", mime, "a list of stream parts", (suffix,), (), _TEXT, limit_mb=50, fix=RECORD.removesuffix(".") + ": live streams are not read.")
        for name, mime, suffix in (("hls", "application/vnd.apple.mpegurl", ".m3u8"), ("dash", "application/dash+xml", ".mpd"))
    ),
    Kind("lfs", "text", "application/vnd.git-lfs", "a pointer of Git LFS in place of the file", magic=((0, b"version https://git-lfs.github.com/spec/"),), fix='Fetch the file with "git lfs pull" in its repository, then call again.'),
)

UNKNOWN = Kind("unknown", "unknown", "application/octet-stream", "of a kind that no tool here reads", fix="Convert it to a usual format first.")

_OTHER_KINDS = (
    *(
        Kind(name, "unknown", mime, title, suffixes, magic, fix=_UNPACK)
        for name, mime, title, suffixes, magic in (
            ("tar", "application/x-tar", "an archive (tar)", (".tar",), ()),
            ("gzip", "application/gzip", "an archive (gzip)", (".gz", ".tgz"), ((0, b"\x1f\x8b\x08"),)),
            ("7z", "application/x-7z-compressed", "an archive (7z)", (".7z",), ((0, b"7z\xbc\xaf\x27\x1c"),)),
            ("rar", "application/vnd.rar", "an archive (RAR)", (".rar",), ((0, b"Rar!\x1a\x07"),)),
            ("xz", "application/x-xz", "an archive (xz)", (".xz",), ((0, b"\xfd7zXZ\0"),)),
            ("bzip2", "application/x-bzip2", "an archive (bzip2)", (".bz2",), ((4, b"1AY&SY"),)),
            ("zstd", "application/zstd", "an archive (zstd)", (".zst",), ((0, b"\x28\xb5\x2f\xfd"),)),
            ("lz4", "application/x-lz4", "an archive (lz4)", (".lz4",), ((0, b"\x04\x22\x4d\x18"),)),
            ("cab", "application/vnd.ms-cab-compressed", "an archive (cab)", (".cab",), ((0, b"MSCF\0\0\0\0"),)),
            ("ar", "application/x-archive", "an archive (ar)", (".ar", ".deb", ".a"), ((0, b"!<arch>\n"),)),
            ("rpm", "application/x-rpm", "an archive (RPM)", (".rpm",), ((0, b"\xed\xab\xee\xdb"),)),
        )
    ),
    Kind("sqlite", "unknown", "application/vnd.sqlite3", "an SQLite database", (".sqlite", ".sqlite3", ".db"), ((0, b"SQLite format 3\0"),), fix="Export the tables needed as CSV (sqlite3 -csv)."),
    Kind("access", "unknown", "application/x-msaccess", "an Access database", (".mdb", ".accdb"), ((4, b"Standard Jet DB\0"), (4, b"Standard ACE DB\0")), fix="Export the tables needed as CSV or XLSX."),
    Kind("table", "unknown", "application/x-table", "a table of dBASE, Stata, SPSS, SAS or Lotus", (".dbf", ".dta", ".sav", ".sas7bdat", ".wks", ".wk1", ".wk3", ".wk4"), ((0, b"<stata_dta>"), (0, b"$FL2@(#)"), (0, b"$FL3@(#)"), (12, b"\xc2\xea\x81\x60\xb3\x14\x11\xcf"), (0, b"\0\0\2\0\4\4\6\0"), (0, b"\0\0\2\0\6\4\6\0"), (0, b"\0\0\x1a\0\0\x10"), (0, b"\0\0\x1a\0\2\x10")), fix="Export it as CSV or XLSX."),
    Kind("parquet", "unknown", "application/vnd.apache.parquet", "a Parquet table", (".parquet",), ((0, b"PAR1\x15"),), fix="Convert it to CSV."),
    Kind("plist", "unknown", "application/x-bplist", "a binary property list", magic=((0, b"bplist00"),), fix="Convert it to XML (plutil -convert xml1)."),
    Kind("dwg", "unknown", "image/vnd.dwg", "an AutoCAD drawing", (".dwg",), tuple((0, b"AC10%02d\0" % version) for version in (3, 4, 6, 9, 12, 14, 15, 18, 21, 24, 27, 32)), fix="Export it as PDF or SVG."),
    Kind("font", "unknown", "font/sfnt", "a font", (".ttf", ".otf", ".woff", ".woff2", ".ttc"), ((0, b"\0\1\0\0\0"), (0, b"OTTO\0"), (0, b"wOFF\0\1"), (0, b"wOFFOTTO"), (0, b"wOF2\0\1"), (0, b"wOF2OTTO"), (0, b"ttcf\0")), fix="Pass a picture of a text in it."),
    Kind("program", "unknown", "application/x-executable", "a program", (".exe", ".dll", ".so", ".dylib", ".o", ".pyc", ".class", ".wasm"), ((0, b"\x7fELF"), (0, b"MZ\x90\0"), (0, b"\xcf\xfa\xed\xfe"), (0, b"\xca\xfe\xba\xbe"), (0, b"\0asm")), fix=_OPEN_CONTENT),
    Kind("lock", "unknown", "application/octet-stream", "what Office keeps beside a document that is open", fix="Pass the document itself."),
    UNKNOWN,
)
FAMILIES: dict[Want, tuple[Family, ...]] = {"image": ("image",), "video": ("video",), "document": ("document", "text"), "any": ("image", "video", "document", "text")}
# The optional parts that readers need, and the modules that each brings.
EXTRAS = {
    "office": ("olefile", "markdownify", "lxml"), "video": ("av",), "heic": ("pillow_heif",), "jxl": ("pillow_jxl",),
    "svg": ("resvg_py", "tinycss2"), "emf": ("metafile_render",),
}
# fmt: on

KINDS: dict[str, Kind] = {
    kind.name: kind for kind in (*_IMAGE_KINDS, *_VIDEO_KINDS, *_DOCUMENT_KINDS, *_TEXT_KINDS, *_OTHER_KINDS)
}
_BY_SUFFIX = {suffix: kind for kind in KINDS.values() for suffix in kind.suffixes}

_WANTED = {"image": "a picture", "video": "a video", "document": "a document"}
_OCR = 'Use describe_image with task "ocr" for the text in it.'
_TOOLS = {
    "image": "Use describe_image for it.",
    "video": "Use analyze_video for it.",
    "document": "Use read_document for it.",
    "text": "Use read_document for it.",
}


def named(name: str) -> Kind:
    """The kind that a name claims, by its suffix; UNKNOWN when it claims none."""
    return _BY_SUFFIX.get(PurePath(name).suffix.lower(), UNKNOWN)


def taken(kind: Kind, want: Want) -> bool:
    """Whether a tool that wants this reads such a file. An animated GIF is a film as well."""
    return bool(kind.reader) and (kind.family in FAMILIES[want] or (want == "video" and kind.name == "gif"))


def suffixes(want: Want) -> tuple[str, ...]:
    """The suffixes of what is read where this is wanted; source code is no document to offer."""
    offered = (kind for kind in KINDS.values() if taken(kind, want) and kind.name != "code")
    return tuple(suffix for kind in offered for suffix in kind.suffixes)


def largest(want: Want) -> int:
    """Bytes of the largest file that is read where this is wanted."""
    return _MB * max(kind.limit_mb for kind in KINDS.values() if taken(kind, want))


def check_fits(kind: Kind, size: int, name: str, want: Want) -> None:
    """Raises UnsupportedMedia when a file of this kind is not what is wanted, saying what it is and which tool takes it
    or what to do; MediaTooLarge when it is larger than is read of this kind.
    """
    if not taken(kind, want):
        raise _refusal(kind, name, want)
    if size > kind.limit_mb * _MB:
        raise MediaTooLarge(
            f"{name} has {size // _MB:,} MB, more than the {kind.limit_mb:,} MB that are read of {kind.title}",
            "Send a part of it, or a smaller version.",
        )


def _refusal(kind: Kind, name: str, want: Want) -> UnsupportedMedia:
    if kind is UNKNOWN:
        return UnsupportedMedia(f"{name} is {kind.title}", kind.fix)
    if not kind.reader and (want == "any" or kind.family in FAMILIES[want]):
        return UnsupportedMedia(f"{name} is {kind.title}, which is not read here", kind.fix)
    text_in_it = want == "document" and kind.family == "image" and kind.reader
    fix = _OCR if text_in_it else kind.fix or _TOOLS[kind.family]
    if want == "any":
        return UnsupportedMedia(f"{name} is {kind.title}, which is not read here", fix)
    lies = (claimed := named(name)).family in FAMILIES[want] and claimed.family != kind.family
    said = f"; its name says {claimed.title}, its bytes do not" if lies else ""
    return UnsupportedMedia(f"{name} is {kind.title}, not {_WANTED[want]}{said}", fix)
