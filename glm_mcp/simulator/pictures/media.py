"""Media of a request: fetched or decoded, refused as the service refuses them, and measured."""

import base64
import binascii
import hashlib
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from glm_mcp.simulator.completions.parts import Item
from glm_mcp.simulator.errors import Refusal
from glm_mcp.simulator.models import Model, chosen
from glm_mcp.simulator.pictures.decode import file_facts, image_facts, video_facts
from glm_mcp.simulator.received import Media
from glm_mcp.simulator.switches import Choice, Switches

Web = Mapping[str, tuple[bytes, str]]

_NAMES = {"image": "图片", "video": "视频", "file": "文件"}
_DATA = re.compile(r"data:([\w.+-]+/[\w.+-]+)(;[^,]*)?;base64,")
# Content types that claim nothing.
_NEUTRAL = {"", "application/octet-stream", "binary/octet-stream"}


@dataclass(frozen=True)
class Blob:
    """The bytes of an item, in which form they came, and the MIME type claimed for them, if one was."""

    data: bytes
    form: str
    mime: str


def unreadable(kind: str) -> Refusal:
    """1210, the one message for everything that cannot be fetched, decoded or believed."""
    return Refusal("1210", message=f"{_NAMES[kind]}输入格式/解析错误")


def inspect(items: list[Item], model: Model, switches: Switches, web: Web) -> list[Media]:
    """The facts of each item, in order. Blocking: decodes every picture in full. Raises Refusal: the first item the
    service would not take.
    """
    return [_inspect(item, model, switches, web) for item in items]


def _inspect(item: Item, model: Model, switches: Switches, web: Web) -> Media:
    blob = _load(item, model, switches, web)
    facts = {"image": image_facts, "video": video_facts, "file": file_facts}[item.kind]
    limits = {
        "image": switches.max_image_bytes,
        "video": switches.max_video_bytes,
        "file": switches.max_file_bytes,
    }
    if len(blob.data) > limits[item.kind]:
        raise Refusal("1210", message=f"{_NAMES[item.kind]}大小超过限制")
    found = facts(blob.data, switches)
    if found is None or (blob.mime not in _NEUTRAL and blob.mime not in found.mimes):
        raise unreadable(item.kind)
    if item.kind == "video" and (found.duration_s or 0) >= chosen(
        switches.longest_film_s, model.id, model.film_s
    ):
        raise Refusal("1261")
    return Media(
        kind=item.kind,
        form=blob.form,
        format=found.format,
        size=len(blob.data),
        sha256=hashlib.sha256(blob.data).hexdigest(),
        width=found.width,
        height=found.height,
        duration_s=found.duration_s,
        mean_rgb=found.mean_rgb,
        corners=found.corners,
    )


def _load(item: Item, model: Model, switches: Switches, web: Web) -> Blob:
    value = item.value
    if item.source == "file_id":
        raise unreadable("file")  # nothing can be uploaded here, so no id is known
    if value.lower().startswith(("http://", "https://")):
        if item.source == "file_data":
            raise unreadable("file")
        return _fetch(value, item.kind, web)
    if value.startswith("data:"):
        if _data_urls(item, model, switches) == "refuse":
            raise unreadable(item.kind)
        match = _DATA.match(value)
        if match is None:
            raise unreadable(item.kind)
        mime = match.group(1).lower()
        return Blob(_decode(value[match.end() :], item.kind), "data", _alias(mime))
    if item.kind != "image":
        raise unreadable(item.kind)
    if chosen(switches.raw_base64_images, model.id, model.raw_base64) == "refuse":
        raise unreadable(item.kind)
    return Blob(_decode(value, item.kind), "raw", "")


def _data_urls(item: Item, model: Model, switches: Switches) -> Choice:
    if item.kind == "image":
        return chosen(switches.data_url_images, model.id, "accept")
    if item.kind == "video":
        return chosen(switches.data_url_videos, model.id, "accept")
    return "accept" if item.source == "file_data" else "refuse"


def _fetch(url: str, kind: str, web: Web) -> Blob:
    """A page of the simulated web; whatever is not there, or has a private address, cannot be reached."""
    page = web.get(url)
    if page is None or _private(url):
        raise unreadable(kind)
    data, content_type = page
    return Blob(data, "url", _alias(content_type.partition(";")[0].strip().lower()))


def _private(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return "." not in host or host.endswith((".local", ".localhost", ".internal", ".lan"))


def _alias(mime: str) -> str:
    return {"image/jpg": "image/jpeg", "video/x-matroska": "video/matroska"}.get(mime, mime)


def _decode(text: str, kind: str) -> bytes:
    """Standard base64 with its padding and without line breaks; a path is none."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise unreadable(kind) from None
    if not data:
        raise unreadable(kind)
    return data
