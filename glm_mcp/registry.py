"""The models and the endpoints they live on: abilities, limits, dialect, chains. Each figure with its source.

Sources: [spec] the platform's OpenAPI and model pages; [live] a recorded probe of the real gateway (2026-10);
[user] reports of users; [guess] nobody documents it, chosen with care.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Card:
    """What one model can do. Sizes in bytes or tokens, sides in pixels."""

    id: str
    use: str
    context: int = 0
    max_tokens: int = 0
    default_tokens: int = 0
    text: bool = True
    images: int = 0
    image_bytes: int = 5_000_000  # [spec] "5 MB" a picture, read the smaller way
    image_side: int = 6000  # [spec] 6000 x 6000
    image_forms: tuple[str, ...] = ("raw", "data")  # order to try; [spec] the SDK sends raw base64
    video: bool = False
    video_seconds: float | None = None  # the longest film that it takes whole; None: no limit is known
    files: bool = False
    functions: bool = False
    own_functions: bool = False  # web_search, retrieval, mcp entries
    json_mode: bool = False
    system: bool = True
    thinking: Literal["switch", "always", "none"] = "none"
    draws: bool = False
    concurrency: int = 1
    body_bytes: int = 20 * MIB  # [guess] base64 of all media in one request; nothing is documented
    tasks: frozenset[str] | None = None  # None: all


CARDS: dict[str, Card] = {
    card.id: card
    for card in (
        Card(
            "glm-4.7-flash",
            "chat, code, documents as text",
            context=204_800,  # [spec] 200K
            max_tokens=131_072,  # [live]
            default_tokens=16_384,  # [guess] room to think; the page of glm-4.7 says 65,536
            functions=True,
            own_functions=True,
            json_mode=True,
            thinking="switch",  # [live] disabled gives no reasoning
            concurrency=1,  # [user] the free tier's number
        ),
        Card(
            "glm-4.6v-flash",
            "pictures, video, documents as pictures, chat",
            context=131_072,  # [spec] 128K
            max_tokens=32_768,  # [live]
            default_tokens=16_384,  # [spec]
            images=50,  # [spec]
            video=True,
            files=True,
            functions=True,
            thinking="switch",
            concurrency=4,  # [user] about 5
        ),
        Card(
            "glm-4.1v-thinking-flash",
            "pictures and video, always thinks",
            context=65_536,  # [spec] 64K
            max_tokens=16_384,  # [live]
            default_tokens=16_384,
            images=50,  # [user] a comment in the vendor's script; the specification is silent
            video=True,
            video_seconds=40.0,  # [live] up to 40 s pass, 42 to 44 s are flaky, from 45 s on 400/1261
            thinking="always",  # [live] thinks in the text even when told not to
            concurrency=2,  # [guess]
        ),
        Card(
            "glm-4v-flash",
            "one picture, described",
            context=16_384,  # [spec] 16K
            max_tokens=1_024,  # [spec]
            default_tokens=1_024,
            images=1,  # [spec]
            image_forms=("raw", "data"),  # [spec] URL only, [user] base64 often works: best effort
            system=False,  # [user] the system role is not usable
            concurrency=4,  # [user] nearly unthrottled
            tasks=frozenset({"describe"}),
        ),
        Card("cogview-3-flash", "draws pictures", text=False, draws=True, concurrency=2),  # [guess]
    )
}

CHAINS: dict[str, tuple[str, ...]] = {
    "chat": ("glm-4.7-flash", "glm-4.6v-flash"),
    "vision": ("glm-4.6v-flash", "glm-4.1v-thinking-flash", "glm-4v-flash"),
    "image": ("cogview-3-flash",),
}

# CogView-3-Flash, [spec]: seven recommended sizes; custom sides 512-2048, multiples of 16, at most 2^21 pixels.
SIZES = ("1024x1024", "768x1344", "864x1152", "1344x768", "1152x864", "1440x720", "720x1440")
SIDE_MIN, SIDE_MAX, SIDE_STEP, PIXELS_MAX = 512, 2048, 16, 2**21


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A base URL, the models that answer there, and where the others of the same platform live."""

    name: str
    url: str
    models: frozenset[str] | None = None  # None: any
    general: str | None = None  # the endpoint of the same platform that has the models missing here
    compatible: bool = False  # not the platform itself: an OpenAI-compatible server


_ALL = frozenset(CARDS)
# [spec] the lists of z.ai do not name glm-4v-flash, glm-4.1v-thinking-flash and cogview-3-flash.
_ZAI = frozenset({"glm-4.7-flash", "glm-4.6v-flash"})
ENDPOINTS: dict[str, Endpoint] = {
    e.name: e
    for e in (
        Endpoint("zhipu", "https://open.bigmodel.cn/api/paas/v4", _ALL),
        Endpoint("zai", "https://api.z.ai/api/paas/v4", _ZAI),
        # The coding plans serve the large paid text models; Flash, vision and images live on the general endpoint.
        Endpoint("zhipu-coding", "https://open.bigmodel.cn/api/coding/paas/v4", frozenset(), "zhipu"),
        Endpoint("zai-coding", "https://api.z.ai/api/coding/paas/v4", frozenset(), "zai"),
    )
}


def endpoint(base: str) -> Endpoint:
    """The endpoint for GLM_BASE_URL: one of the four names, one of their URLs, or any compatible URL."""
    if base in ENDPOINTS:
        return ENDPOINTS[base]
    url = base.rstrip("/")
    for known in ENDPOINTS.values():
        if known.url == url:
            return known
    return Endpoint(url, url, compatible=not url.endswith("/paas/v4"))


def place(model: str, home: Endpoint) -> Endpoint | None:
    """The endpoint at which `model` answers for somebody whose endpoint is `home`; None when the platform lacks it."""
    if model not in CARDS or home.models is None or model in home.models:
        return home
    if home.general and model in (ENDPOINTS[home.general].models or ()):
        return ENDPOINTS[home.general]
    return None


def card(model: str, *, compatible: bool = False) -> Card:
    """The card of a model; for an id that we do not know, a card of its family or a generous one, by its name."""
    bare = model.rsplit("/", 1)[-1].lower()
    known = CARDS.get(bare)
    if known is not None:
        # An open-weight server takes data URLs (the OpenAI way), not raw base64, and has no hosted files.
        forms = ("data", "raw") if compatible else known.image_forms
        return replace(known, id=model, image_forms=forms, files=known.files and not compatible)
    if bare.startswith(("cogview", "glm-image")):
        return replace(CARDS["cogview-3-flash"], id=model, use="draws pictures")
    seeing = any(mark in bare for mark in ("4.5v", "4.6v", "4.1v", "4v", "5v", "vl", "vision", "ocr"))
    family = CARDS["glm-4.6v-flash" if seeing else "glm-4.7-flash"]
    forms = ("data", "raw") if compatible else family.image_forms
    return replace(family, id=model, use="not one of ours: limits assumed", image_forms=forms)
