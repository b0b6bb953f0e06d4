"""The words of a simulated answer: that it is simulated, and what was received, in the prompt's language."""

from glm_mcp.simulator.received import Media

_EXCERPT = 80
_ZH_KINDS = {"image": "张图片", "video": "个视频", "file": "个文件"}


def colour(rgb: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*rgb)


def _media_line(media: Media, *, zh: bool) -> str:
    parts = [media.format.upper() + (f" {media.width}×{media.height}" if media.width else "")]
    if media.duration_s is not None:
        parts.append(f"{media.duration_s:.1f} {'秒' if zh else 's'}")
    parts.append(f"{media.size:,} {'字节' if zh else 'bytes'}")
    if media.mean_rgb is not None:
        parts.append(f"{'平均颜色' if zh else 'mean colour'} {colour(media.mean_rgb)}")
    parts.append(f"sha256 {media.sha256[:8]}")
    return ("，" if zh else ", ").join(parts)


def _media_list(media: list[Media], *, zh: bool) -> str:
    """`2 images: 1) PNG 640×480, ...`; one line each when there are more than three."""
    kind = media[0].kind
    if zh:
        head = f"{len(media)} {_ZH_KINDS[kind]}：" if _one_kind(media) else f"{len(media)} 个附件："
    else:
        noun = kind if _one_kind(media) else "attachment"
        head = f"{len(media)} {noun}{'s' if len(media) > 1 else ''}: "
    if len(media) == 1:
        return head + _media_line(media[0], zh=zh)
    lines = [f"{number}) {_media_line(item, zh=zh)}" for number, item in enumerate(media, 1)]
    if len(lines) > 3:
        return head.rstrip() + "\n" + "\n".join(lines) + "\n"
    return head + ("；" if zh else "; ").join(lines)


def _one_kind(media: list[Media]) -> bool:
    return len({item.kind for item in media}) == 1


def _excerpt(text: str) -> str:
    flat = " ".join(text.split())
    return flat[:_EXCERPT] + ("…" if len(flat) > _EXCERPT else "")


def describe(model: str, media: list[Media], turns: list[tuple[str, str]], *, zh: bool) -> str:
    """The default answer: model, media, the last turn's text, and how many turns came before."""
    role, text = turns[-1]
    earlier = len(turns) - 1
    if zh:
        said = f"{len(text):,} 个字符的{'工具结果' if role == 'tool' else '文字'}：“{_excerpt(text)}”"
        before = f"，之前还有 {earlier} 条消息" if earlier else ""
        things = ([_media_list(media, zh=True)] if media else []) + [said]
        return f"[模拟 {model}] 我收到了 {'；'.join(things)}{before}。没有调用真实模型。"
    what = "a tool reply" if role == "tool" else "text"
    said = f'{what} of {len(text):,} characters: "{_excerpt(text)}"'
    before = f"; {earlier} earlier message{'s' if earlier > 1 else ''}" if earlier else ""
    joint = "" if not media else "" if len(media) > 3 else "; "
    things_en = (_media_list(media, zh=False) + joint if media else "") + said
    return f"[simulated {model}] I received {things_en}{before}. No model was asked."


def think(media: int, characters: int, *, zh: bool) -> str:
    if zh:
        return f"用户发来 {characters} 个字符和 {media} 个附件。我是模拟器，只报告收到的内容。"
    return (
        f"The user sent {characters} characters and {media} attachment{'' if media == 1 else 's'}. "
        "I am the simulator: I report only what arrived."
    )
