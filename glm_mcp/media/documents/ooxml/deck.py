"""Which slides a presentation has."""

from __future__ import annotations

import re

from glm_mcp.media.documents.common.few_times import few_times
from glm_mcp.media.documents.ooxml.package import Package, descendants, relation, tag

_SLIDE = re.compile(r"ppt/slides/slide(\d+)\.xml", re.IGNORECASE)


def slides_of(package: Package) -> list[str]:
    """The parts of the slides in the order of the show; in that of their names where no order can be read."""
    main = package.main("ppt/presentation.xml")
    tree = package.tree(main)
    numbers = [] if tree is None else [relation(e) for e in descendants(tree, "p:sldId")]
    ordered = list(few_times((package.link(main, n).target for n in numbers), str, package.left_out))
    if any(map(package.has, ordered)):
        return ordered
    named = [(int(match[1]), path) for path in package.parts() if (match := _SLIDE.fullmatch(path))]
    return [path for _, path in sorted(named)]


def is_empty(package: Package) -> bool:
    """Whether it is a presentation that names no slide, such as a new one or a template of layouts."""
    tree = package.tree(package.main("ppt/presentation.xml"))
    return (
        tree is not None
        and tag(tree) == "p:presentation"
        and next(descendants(tree, "p:sldId"), None) is None
    )
