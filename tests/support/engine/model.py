"""A tiny GLM model with a vision tower, made here, for a real engine: it speaks a few words, and knows nothing.

Written as GGUF: architecture `glm4`, a vocabulary of bytes and some words, GLM's own way to mark roles and thoughts. The
weights are random, but for a channel an own for each class of token: what follows a token of one class is mostly of the
classes that `FOLLOWS` lists for it, so that answers are words, thoughts end, and a string of JSON is closed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from string import ascii_lowercase
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

WIDTH, HEADS, INNER, LAYERS = 64, 4, 128, 2
HEAD = WIDTH // HEADS
PICTURE_SIDE, PATCH, TOWER = 28, 14, 32
WORDS = ("blue", "red", "green", "two", "three", "square", "circle")
THOUGHTS = ("hmm", "so", "maybe", "wait")
# A class of tokens each: control tokens stand alone.
CONTROL = (
    "<|user|>",
    "<|system|>",
    "<|assistant|>",
    "<|observation|>",
    "<think>",
    "</think>",
    "[gMASK]",
    "<sop>",
)
WITHOUT_END = (
    "<|without_end|>"  # what the template ends with where words are wanted until somebody stops them
)
CLASSES = ("end", "thinks", "answers", "word", "thought", "goes_on", "quote", "mark", "other")
STRENGTH = 6.0  # of the class channels against the random rest
# What follows a class, in logits above all else.
FOLLOWS: dict[str, dict[str, float]] = {
    "thinks": {"thought": 8},
    "thought": {"thought": 8, "answers": 7.5},
    "answers": {"word": 8},
    "word": {"word": 8, "end": 7.5, "quote": 6.5},
    "goes_on": {"goes_on": 8},
    "quote": {"word": 8, "quote": 8, "mark": 6},
    "mark": {"word": 8, "quote": 8, "mark": 7},
    "other": {"word": 8, "quote": 8, "mark": 7},
    "end": {"word": 8},
}
TEMPLATE = """[gMASK]<sop>
{%- if tools %}<|system|>
# Tools{% for tool in tools %}
{{ tool | tojson }}{% endfor %}
{%- endif -%}
{%- set ns = namespace(without_end=false) -%}
{%- for m in messages -%}
{%- if m.role == 'tool' %}<|observation|>
{{ m.content }}
{%- else %}<|{{ m.role }}|>
{% if m.content is string %}{{ m.content }}{% if 'without end' in m.content %}{% set ns.without_end = true %}{% endif %}
{%- else %}{% for part in m.content %}{% if part.type == 'text' %}{{ part.text }}{% endif %}{% endfor %}{% endif %}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt %}<|assistant|>
{% if ns.without_end %}<|without_end|>{% elif enable_thinking is defined and not enable_thinking %}<think></think>{% else %}<think>{% endif %}
{%- endif -%}"""


def write(folder: Path) -> tuple[Path, Path]:
    """The model and its vision tower, as two files in a folder. Seeded: the same bytes each time."""
    model, tower = folder / "glm-tiny.gguf", folder / "glm-tiny-vision.gguf"
    _write_model(model)
    _write_tower(tower)
    return model, tower


def _vocabulary() -> tuple[list[str], list[int], list[str]]:
    """Tokens, their types (1 normal, 2 unknown, 3 control, 4 user-defined, 6 byte) and their classes."""
    rows: list[tuple[str, int, str]] = [("<unk>", 2, "other"), ("<|endoftext|>", 3, "end")]
    rows += [(name, 3, {"<|user|>": "end"}.get(name, "other")) for name in CONTROL if "think" not in name]
    rows += [("<think>", 4, "thinks"), ("</think>", 4, "answers"), (WITHOUT_END, 3, "goes_on")]
    rows += [(f"<0x{byte:02X}>", 6, "other") for byte in range(256)]
    rows += [(chr(c), 1, _class_of(chr(c))) for c in range(33, 127)] + [("▁", 1, "other")]
    # Pairs of letters, so that a text has about two letters a token.
    rows += [(a + b, 1, "other") for a in "▁" + ascii_lowercase for b in ascii_lowercase]
    rows += [("▁" + word, 1, "word") for word in WORDS] + [("▁" + word, 1, "thought") for word in THOUGHTS]
    rows += [(f"▁go{n}", 1, "goes_on") for n in range(9)]
    tokens, types, classes = zip(*rows, strict=True)
    return list(tokens), list(types), list(classes)


def _class_of(letter: str) -> str:
    return "quote" if letter == '"' else "mark" if letter in ",}]" else "other"


def _write_model(path: Path) -> None:
    import gguf
    import numpy as np

    chance = np.random.default_rng(5)
    tokens, types, classes = _vocabulary()
    writer = gguf.GGUFWriter(path, "glm4")
    writer.add_name("glm-tiny")
    writer.add_block_count(LAYERS)
    writer.add_context_length(65_536)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(HEAD)
    writer.add_rope_dimension_sections([2, 3, 3, 0])  # without them a picture ends the process
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_scores(
        [0.0 if kind != 1 else float(len(t)) for t, kind in zip(tokens, types, strict=True)]
    )
    writer.add_token_types(types)
    writer.add_eos_token_id(tokens.index("<|endoftext|>"))
    writer.add_eot_token_id(tokens.index("<|user|>"))
    writer.add_add_bos_token(False)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(TEMPLATE)
    embedding, output = _bigrams(chance, classes)
    writer.add_tensor("token_embd.weight", embedding)
    writer.add_tensor("output.weight", output)
    writer.add_tensor("output_norm.weight", np.ones(WIDTH, np.float32))
    for n in range(LAYERS):
        _add_layer(writer, chance, n)
    _finish(writer)


def _bigrams(chance: np.random.Generator, classes: Sequence[str]) -> tuple[Any, Any]:
    """Embedding and output matrices: a channel a class, and random ones beside them."""
    import numpy as np

    embedding = chance.normal(0, 0.3, (len(classes), WIDTH)).astype(np.float32)
    output = chance.normal(0, 0.3, (len(classes), WIDTH)).astype(np.float32)
    count = len(CLASSES)
    embedding[:, :count] = output[:, :count] = 0
    # After the last norm a token's own channel is about this large.
    size = STRENGTH / np.sqrt((STRENGTH**2 + 0.09 * (WIDTH - count)) / WIDTH)
    for token, name in enumerate(classes):
        embedding[token, CLASSES.index(name)] = STRENGTH
        for before, wanted in FOLLOWS.items():
            output[token, CLASSES.index(before)] = wanted.get(name, -8) / size
    return embedding, output


def _add_layer(writer: Any, chance: np.random.Generator, n: int) -> None:
    import numpy as np

    def random(*shape: int) -> Any:
        return chance.normal(0, 0.02, shape).astype(np.float32)

    for name in ("attn_norm", "ffn_norm", "post_attention_norm", "post_ffw_norm"):
        # What a layer adds is small, so that the class of the last token stays what decides.
        size = 0.1 if name.startswith("post") else 1.0
        writer.add_tensor(f"blk.{n}.{name}.weight", np.full(WIDTH, size, np.float32))
    for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
        writer.add_tensor(f"blk.{n}.{name}.weight", random(WIDTH, WIDTH))
    writer.add_tensor(f"blk.{n}.ffn_up.weight", random(2 * INNER, WIDTH))
    writer.add_tensor(f"blk.{n}.ffn_down.weight", random(WIDTH, INNER))


def _write_tower(path: Path) -> None:
    import gguf
    import numpy as np

    chance = np.random.default_rng(7)

    def random(*shape: int) -> Any:
        return chance.normal(0, 0.05, shape).astype(np.float32)

    writer = gguf.GGUFWriter(path, "clip")
    writer.add_bool("clip.has_vision_encoder", True)
    writer.add_string("clip.projector_type", "mlp")
    writer.add_bool("clip.use_gelu", True)
    for name, value in {
        "image_size": PICTURE_SIDE,
        "patch_size": PATCH,
        "embedding_length": TOWER,
        "feed_forward_length": 2 * TOWER,
        "projection_dim": WIDTH,
        "block_count": 2,
        "attention.head_count": 2,
    }.items():
        writer.add_uint32(f"clip.vision.{name}", value)
    writer.add_float32("clip.vision.attention.layer_norm_epsilon", 1e-5)
    writer.add_array("clip.vision.image_mean", [0.5, 0.5, 0.5])
    writer.add_array("clip.vision.image_std", [0.5, 0.5, 0.5])
    patches = (PICTURE_SIDE // PATCH) ** 2
    writer.add_tensor("v.class_embd", random(TOWER))
    writer.add_tensor("v.patch_embd.weight", random(TOWER, 3, PATCH, PATCH))
    writer.add_tensor("v.position_embd.weight", random(patches + 1, TOWER))
    for name in ("v.pre_ln", *(f"v.blk.{n}.{ln}" for n in range(2) for ln in ("ln1", "ln2"))):
        writer.add_tensor(f"{name}.weight", np.ones(TOWER, np.float32))
        writer.add_tensor(f"{name}.bias", np.zeros(TOWER, np.float32))
    for n in range(2):
        for name in ("attn_q", "attn_k", "attn_v", "attn_out"):
            _add_linear(writer, f"v.blk.{n}.{name}", random(TOWER, TOWER))
        _add_linear(writer, f"v.blk.{n}.ffn_up", random(2 * TOWER, TOWER))
        _add_linear(writer, f"v.blk.{n}.ffn_down", random(TOWER, 2 * TOWER))
    _add_linear(writer, "mm.0", random(WIDTH, TOWER))
    _add_linear(writer, "mm.2", random(WIDTH, WIDTH))
    _finish(writer)


def _add_linear(writer: Any, name: str, weight: Any) -> None:
    import numpy as np

    writer.add_tensor(f"{name}.weight", weight)
    writer.add_tensor(f"{name}.bias", np.zeros(weight.shape[0], np.float32))


def _finish(writer: Any) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
