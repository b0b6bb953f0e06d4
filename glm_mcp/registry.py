"""The models and the endpoints they live on: abilities, limits, dialect, chains. Each figure with its source.

Sources: [spec] the platform's OpenAPI and model pages; [live] a recorded probe of the real gateway (2026-10);
[user] reports of users and the console's table; [guess] nobody documents it, chosen with care.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Card:
    """What one model can do. Sizes in bytes or tokens, sides in pixels, times in seconds."""

    id: str
    use: str
    context: int = 0
    input_tokens: int = 0  # where a request is refused before the window is full; 0: at the window
    max_tokens: int = 0
    default_tokens: int = 0
    text: bool = True
    images: int = 0
    image_bytes: int = 5_000_000  # [spec] "5 MB" a picture, read the smaller way
    image_side: int = 6000  # [spec] 6000 x 6000
    image_tokens: int = 1_500  # [guess] a picture's part of the window, on the high side
    image_forms: tuple[str, ...] = ("raw", "data")  # order to try; [spec] the SDK sends raw base64
    video: bool = False
    video_seconds: float | None = None  # the longest film taken whole; None: no limit known
    video_data: bool = True  # takes a whole film as a data URL; else only by its address
    files: bool = False
    functions: bool = False
    own_functions: bool = False  # web_search, retrieval, mcp entries
    tool_role: bool = True  # knows messages of role `tool`
    json_mode: bool = False
    json_schema: bool = False  # holds an answer to a JSON Schema
    system: bool = True
    thinking: Literal["switch", "effort", "always", "none"] = "none"  # effort: always thinks, told how much
    draws: bool = False
    free: bool = True
    any_size: bool = True  # [spec] draws at other sizes than the seven; [user] does not
    hd: bool = True  # [spec] draws with quality hd
    concurrency: int = 1
    first_byte_s: float = 6.0  # [guess] before another model is asked as well; learnt from its answers
    last_resort: bool = False  # weaker: asked beside others only when these refused or time runs out
    body_bytes: int = 20 * MIB  # [guess] base64 of all media in one request; nothing is documented
    tasks_left_out: frozenset[str] = frozenset()


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
            concurrency=1,  # [user] the console's table, as all of these
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
            tool_role=False,  # [live] refused with 400
            thinking="switch",
            concurrency=1,  # [user]
            first_byte_s=8.0,
        ),
        Card(
            "glm-4.1v-thinking-flash",
            "pictures and video, always thinks",
            context=65_536,  # [spec] 64K
            max_tokens=16_384,  # [live]
            default_tokens=16_384,
            images=50,  # [user] a comment in the vendor's script; the specification is silent
            image_forms=("data", "raw"),  # [live] data URLs 5 of 5
            video=True,
            video_seconds=40.0,  # [live] passes up to 40 s, refused from 45 s on, either between
            thinking="always",  # [live] thinks in the text even when told not to
            concurrency=5,  # [user]
            first_byte_s=8.0,
        ),
        Card(
            "glm-4v-flash",
            "one picture, described",
            context=16_384,  # [spec] 16K
            input_tokens=15_246,  # [live] above it 1210 "too long"
            max_tokens=1_024,  # [spec]
            default_tokens=1_024,
            images=1,  # [spec]
            image_tokens=244,  # [live]
            image_forms=("data", "raw"),  # [live] data URLs 5 of 5 on 2026-10-01
            system=False,  # [user] the system role is not usable
            concurrency=10,  # [user]
            last_resort=True,
            # Boxes and code from it are of no use.
            tasks_left_out=frozenset({"locate", "ui_action", "ui_to_code"}),
        ),
        Card(
            "glm-4-flash-250414",
            "text, when the others are overloaded",
            context=131_072,  # [spec] 128K
            max_tokens=16_384,  # [spec] 16K
            default_tokens=8_192,  # [guess] it does not think
            functions=True,
            json_mode=True,
            concurrency=200,  # [user]
            first_byte_s=5.0,  # [user] answers at once when the others are overloaded
            last_resort=True,
        ),
        Card(
            "glm-5.3-flash",
            "text, pictures, video, files",
            context=1_048_576,  # [spec] 1M
            max_tokens=131_072,  # [guess] that of its family
            default_tokens=16_384,  # [guess] room to think
            images=50,  # [guess] that of glm-4.6v-flash
            video=True,
            files=True,
            functions=True,
            json_mode=True,
            free=False,
            thinking="effort",  # [live] 1210 for "disabled"; low, high or max
            concurrency=5,  # [guess]
            first_byte_s=8.0,
        ),
        # [user] one at a time, about five pictures a minute
        Card("cogview-3-flash", "draws pictures", text=False, draws=True, concurrency=1, first_byte_s=30.0),
    )
}

CHAINS: dict[str, tuple[str, ...]] = {
    "chat": ("glm-4.7-flash", "glm-4.6v-flash", "glm-4-flash-250414"),
    "document": ("glm-4.7-flash", "glm-4.6v-flash"),  # its text; the last resort reads too little at once
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
# [spec] the lists of z.ai do not name glm-4v-flash, glm-4.1v-thinking-flash, glm-4-flash-250414 and cogview-3-flash.
_ZAI = frozenset({"glm-4.7-flash", "glm-4.6v-flash", "glm-5.3-flash"})
_PLANS = frozenset({"glm-5.3-flash"})  # [spec] the coding plans lead old names to the 5.3 models
ENDPOINTS: dict[str, Endpoint] = {
    e.name: e
    for e in (
        Endpoint("zhipu", "https://open.bigmodel.cn/api/paas/v4", _ALL),
        Endpoint("zai", "https://api.z.ai/api/paas/v4", _ZAI),
        # The coding plans serve the large paid text models; the free Flash, vision and images live on the general endpoint.
        Endpoint("zhipu-coding", "https://open.bigmodel.cn/api/coding/paas/v4", _PLANS, "zhipu"),
        Endpoint("zai-coding", "https://api.z.ai/api/coding/paas/v4", _PLANS, "zai"),
    )
}


def endpoint(base: str) -> Endpoint:
    """The endpoint for GLM_BASE_URL: one of the four names, one of their URLs, or any compatible URL."""
    if base in ENDPOINTS:
        return ENDPOINTS[base]
    url = base.rstrip("/").removesuffix("/chat/completions")  # as some guides have it
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


@lru_cache(maxsize=256)  # copying a card takes longer than all else that chooses a model
def card(model: str, *, compatible: bool = False, role: str = "") -> Card:
    """The card of a model; for an id that we do not know, a card of its family or a generous one, by its name. `role`:
    what it was named for, which tells of an unknown one at a compatible server whether it sees or draws.
    """
    bare = model.rsplit("/", 1)[-1].lower()
    known = CARDS.get(bare)
    if known is not None:
        # The platform has its ids in small letters, and writes them in large ones on its pages.
        found = replace(known, id=model) if compatible else known
    elif bare.startswith(("cogview", "glm-image")) or (compatible and role == "image"):
        found = replace(CARDS["cogview-3-flash"], id=model, use="draws pictures")
    else:
        seeing = sees(model) or (compatible and role == "vision")
        family = CARDS["glm-4.6v-flash" if seeing else "glm-4.7-flash"]
        found = replace(family, id=model, use="not one of ours: limits assumed")
    return _at_engine(found) if compatible else found


def sees(model: str) -> bool:
    """Whether a model sees, by its name."""
    bare = model.rsplit("/", 1)[-1].lower()
    return any(mark in bare for mark in ("4.5v", "4.6v", "4.1v", "4v", "5v", "vl", "vision", "ocr"))


def _at_engine(found: Card) -> Card:
    """A card for a server of somebody's own: data URLs (the OpenAI way), no hosted files and tools, none of the
    platform's own refusals, and calls at once, which such servers take together.
    """
    return replace(
        found,
        image_forms=("data", "raw"),
        files=False,
        own_functions=False,
        functions=found.text,
        tool_role=True,
        system=True,
        json_mode=True,
        json_schema=True,
        video_seconds=None,
        last_resort=False,
        concurrency=max(found.concurrency, 4),  # [guess] grows from there
    )
