"""The parts of a message: their shapes, and which of them one conversation may hold together."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from glm_mcp.simulator.errors import Refusal
from glm_mcp.simulator.models import Model, chosen
from glm_mcp.simulator.switches import Switches

TOO_MANY_IMAGES = "输入图片数量超过限制"
MAX_FILES = 50
# Which part types hold which kind of media, and the one key each has inside.
_KINDS = {"image_url": "image", "video_url": "video", "file_url": "file"}
_FILE_SOURCES = ("file_id", "file_url", "file_data")


@dataclass(frozen=True)
class Item:
    """A picture, video or file not yet looked at; `part` is the type it came in, `source` the key of a `file` part."""

    kind: str
    part: str
    value: str
    source: str = "url"


def part_types(model: Model) -> list[str]:
    """The part types a model takes, as its refusals list them."""
    types = ["text"] + [part for part, kind in _KINDS.items() if kind in model.inputs]
    return [*types, "file"] if "file" in model.inputs else types


def read_part(part: Any, model: Model, *, media: bool) -> str | Item:
    """A text, or an item of media where `media` are allowed. Raises Refusal: 1210 for a type the model lacks, a key too
    many or too few, a value of another kind.
    """
    kind = part.get("type") if isinstance(part, dict) else None
    allowed = part_types(model) if media else ["text"]
    if kind not in allowed:
        names = ",".join(f"'{name}'" for name in allowed)
        raise Refusal("1210", message=f"messages.content.type 参数非法，取值范围 [{names}]")
    inside = part.get(kind)
    if set(part) != {"type", kind}:
        raise Refusal("1210", message="messages.content 参数非法")
    if kind == "text":
        if not isinstance(inside, str):
            raise Refusal("1210", message="messages.content.text 参数非法")
        return inside
    if kind == "file":
        return _file(inside)
    if not isinstance(inside, dict) or set(inside) != {"url"} or not _filled(inside["url"]):
        raise Refusal("1210", message=f"messages.content.{kind} 参数非法")
    return Item(_KINDS[kind], kind, inside["url"])


def _file(inside: Any) -> Item:
    """The newer file part: exactly one source, and a file name if wanted."""
    if isinstance(inside, dict):
        sources = [name for name in _FILE_SOURCES if name in inside]
        named = isinstance(inside.get("filename", ""), str)
        if len(sources) == 1 and named and set(inside) <= {sources[0], "filename"}:
            value = inside[sources[0]]
            if _filled(value):
                return Item("file", "file", value, sources[0])
    raise Refusal("1210", message="messages.content.file 参数非法")


def _filled(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def check_items(items: list[Item], model: Model, switches: Switches) -> None:
    """Counts and mixtures over the whole conversation: a picture of an earlier turn counts again. Raises Refusal: 1210
    too many; 1210 or 1215, by switch, for kinds that cannot be understood together.
    """
    counts = Counter(item.kind for item in items)
    if counts["image"] > chosen(switches.max_images, model.id, model.images):
        raise Refusal("1210", message=TOO_MANY_IMAGES)
    if counts["video"] > switches.max_videos:
        raise Refusal("1210", message="输入视频数量超过限制")
    if counts["file"] > MAX_FILES:
        raise Refusal("1210", message="输入文件数量超过限制")
    if len(counts) > 1 and switches.mixing == "refuse":
        kinds = "、".join(sorted(counts))
        raise Refusal(switches.mixing_code, message=f"{kinds} 不能同时设置，请检查文档。")
