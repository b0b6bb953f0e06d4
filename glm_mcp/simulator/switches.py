"""What nobody could verify about the service, and how fast and how wide the simulated one is.

Each unverified behaviour is a switch. Its default is what was seen of the service, and the strict side where nothing was:
a client that passes with the defaults and with their opposites works whatever the service does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from glm_mcp.simulator.script import fields_in

Choice = Literal["accept", "refuse"]


@dataclass(frozen=True, kw_only=True)
class Switches:
    """One simulated service's behaviour; seconds, bytes and counts are plain numbers.

    A mapping is by model id and overrides only the models it names; a single value goes for all models.
    """

    # How many requests of one model may be in flight; {} is the model table's own figure.
    concurrency: Mapping[str, int] | int = field(default_factory=dict)
    # A prompt holding one of these is refused with 1301.
    sensitive_words: tuple[str, ...] = ("SIMULATED-SENSITIVE",)
    # Keys of the coding plan: 1113 on the general endpoint ...
    coding_keys: tuple[str, ...] = ()
    # ... except for glm-4.7-flash when this is on, as users report.
    coding_key_free_flash: bool = False
    # Base64 images; {} is the table's figure: glm-4v-flash takes data URLs alone, the others both forms.
    data_url_images: Mapping[str, Choice] | Choice = "accept"
    raw_base64_images: Mapping[str, Choice] | Choice = field(default_factory=dict)
    # The specification knows only URLs; the vendor's own server sends data URLs, and glm-4.1v-thinking-flash takes them.
    data_url_videos: Mapping[str, Choice] | Choice = "accept"
    # Seconds from which on a film is refused; {} is the table's figure. 45 lets glm-4.1v-thinking-flash take the flaky ones.
    longest_film_s: Mapping[str, float] | float = field(default_factory=dict)
    # WebM and GIF as video_url worked for one user.
    more_video_formats: bool = False
    # {} is the table's figure: 50, 50 and 1.
    max_images: Mapping[str, int] | int = field(default_factory=dict)
    # The number of videos a request may hold is documented nowhere.
    max_videos: int = 1
    # "5 MB" and the like, read the smaller way.
    max_image_bytes: int = 5_000_000
    max_video_bytes: int = 200_000_000
    max_file_bytes: int = 50_000_000
    # Pictures, videos and files in one conversation, and the code that refuses it.
    mixing: Choice = "refuse"
    mixing_code: Literal["1210", "1215"] = "1210"
    # The code for a GIF picture: users saw an internal error of the 1234 family.
    gif_code: Literal["1210", "1234"] = "1234"
    # glm-4.6v-flash was seen to refuse the role `tool`; the other free vision models are taken to do the same.
    vision_tool_role: Choice = "refuse"
    system_on_4v_flash: Choice = "refuse"
    # {} is the table's figure: text models know it, the free vision models refuse it.
    response_format: (
        Mapping[str, Literal["accept", "refuse", "ignore"]] | Literal["accept", "refuse", "ignore"]
    ) = field(default_factory=dict)
    unsupported_tools: Literal["refuse", "ignore"] = "refuse"
    # temperature and top_p out of range or with more than two decimals.
    strict_sampling: bool = True
    # The newest specification says 4, the older one 1.
    max_stop: int = 1
    # One project reports 1214 for neighbours of one role; common usage contradicts it.
    same_role_turns: Choice = "accept"
    repeated_request_ids: Choice = "refuse"
    # The specification allows both, a user speaks of seven fixed sizes.
    custom_image_sizes: Choice = "accept"
    hd_images: Choice = "accept"
    # Model asked for → model that answers, and says so: what is retired is routed in silence.
    routing: Mapping[str, str] = field(default_factory=lambda: {"glm-4.5-flash": "glm-4.7-flash"})
    # Answer with a tool call even when the message names no function.
    call_tools: bool = False
    # The language of messages; auto follows Accept-Language, else Chinese.
    language: Literal["auto", "zh", "en"] = "auto"
    first_byte_s: float = 0.0
    chunk_s: float = 0.0
    chunk_chars: int = 24
    # How many requests are remembered, and whether with their base64 text.
    keep: int = 2000
    whole_bodies: bool = True

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Switches":
        """Switches from a JSON object of some of the fields. Raises ValueError: a name is no switch."""
        return cls(**fields_in(data, cls, "switches"))
