"""The file of an uploaded form (multipart/form-data), in pieces as they come."""

from __future__ import annotations

from collections.abc import AsyncIterator

from glm_mcp.errors import InvalidRequest

_HEADER_BYTES = 8_192  # of the headers of all parts
_PARTS = 20  # each takes some ten microseconds; a form for one file has one or two


class FormFile:
    """The one file of a form; `name`: what the form calls it, once its first bytes are there."""

    def __init__(self, content_type: str) -> None:
        """Raises InvalidRequest."""
        from python_multipart.exceptions import FormParserError
        from python_multipart.multipart import MultipartParser, parse_options_header

        self.name = ""
        self._options = parse_options_header
        self._pieces: list[bytes] = []
        self._field, self._value = bytearray(), bytearray()
        self._disposition = b""
        self._wanted = False
        self._parts = self._files = self._header_bytes = 0
        self._ended = False
        _, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if not boundary:
            raise _broken()
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_header_field": lambda data, start, end: self._header(self._field, data[start:end]),
                    "on_header_value": lambda data, start, end: self._header(self._value, data[start:end]),
                    "on_header_end": self._on_header_end,
                    "on_headers_finished": self._on_headers_finished,
                    "on_part_data": self._on_data,
                    "on_end": self._on_end,
                },
            )
        except FormParserError:  # a boundary that none may be
            raise _broken() from None

    async def read(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The bytes of the file. Raises InvalidRequest for what is no form, or one with several files."""
        from python_multipart.exceptions import FormParserError

        async for chunk in chunks:
            try:
                self._parser.write(chunk)
            except FormParserError:
                raise _broken() from None
            pieces, self._pieces = self._pieces, []
            for piece in pieces:
                yield piece
        if not self._ended:
            raise _broken()

    def _header(self, held: bytearray, data: bytes) -> None:
        held += data
        self._header_bytes += len(data)
        if self._header_bytes > _HEADER_BYTES:
            raise _broken()

    def _on_header_end(self) -> None:
        if self._field.lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._field.clear()
        self._value.clear()

    def _on_headers_finished(self) -> None:
        _, options = self._options(self._disposition)
        self._disposition = b""
        self._parts += 1
        if self._parts > _PARTS:
            raise _broken()
        name = options.get(b"filename")
        self._wanted = name is not None
        if name is None:
            return
        self._files += 1
        if self._files > 1:
            raise InvalidRequest("the form has several files", "Send one file a request.")
        self.name = name.decode("utf-8", "replace")

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        if self._wanted:
            self._pieces.append(data[start:end])

    def _on_end(self) -> None:
        self._ended = True


def _broken() -> InvalidRequest:
    return InvalidRequest(
        "the body is no whole form", "Send it as curl -F file=@PATH does, or the file's bytes alone."
    )
