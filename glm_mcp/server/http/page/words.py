"""What the page says, in English and in Chinese."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Lang = Literal["en", "zh"]


@dataclass(frozen=True, slots=True)
class Words:
    """Every text of the page; `{}` is filled in."""

    lang: str
    title: str
    skip: str
    who: str
    everybody: str
    sign_in: str
    sign_in_why: str
    sign_in_not: str
    enter: str
    enter_help: str
    refused: str
    sign_out: str
    again: str
    today: str
    tokens_today: str
    of_tokens: str
    left: str
    no_limit: str
    new_day: str
    minute: str
    minute_of: str
    at_once: str
    at_once_of: str
    waiting: str
    bar: str
    tools: str
    hours: str
    hours_alt: str
    hours_none: str
    as_table: str
    hour: str
    tokens: str
    calls: str
    calls_caption: str
    calls_none: str
    when: str
    tool: str
    model: str
    outcome: str
    seconds: str
    ok: str
    cancelled: str
    models: str
    models_caption: str
    state: str
    ready: str
    rests: str
    gone: str
    running: str
    running_of: str
    queue: str
    pace: str
    foot: str
    foot_replicas: str


EN = Words(
    lang="en",
    title="GLM tools",
    skip="Skip to the content",
    who="Signed in as {}",
    everybody="Open to this machine, without a token",
    sign_in="Sign in",
    sign_in_why="This page shows what you used, what is left and how the models are. It is for the holder of a token.",
    sign_in_not="This server takes tokens of your organisation’s identity provider. Send one in the header Authorization: Bearer TOKEN.",
    enter="Your token",
    enter_help="The one that your client sends. It is kept neither in this page nor in its address; you stay signed in for an hour.",
    refused="That token is not let in. Check that it was copied whole, or ask whoever runs this server.",
    sign_out="Sign out",
    again="Show the newest",
    today="Today",
    tokens_today="Tokens today",
    of_tokens="of {}",
    left="{} left",
    no_limit="No limit",
    new_day="Counted anew at 00:00 UTC, in {} h {} min",
    minute="Calls this minute",
    minute_of="{} of {} can be made now",
    at_once="Calls at once",
    at_once_of="{} of {} running",
    waiting="{} waiting for a place",
    bar="{} of {} used, {} %",
    tools="Tools: {}",
    hours="Tokens by hour",
    hours_alt="{} tokens in the last 24 hours; most between {} and {} UTC: {}.",
    hours_none="No tokens in the last 24 hours.",
    as_table="The same as a table",
    hour="Hour (UTC)",
    tokens="Tokens",
    calls="Recent calls",
    calls_caption="Your last calls, the newest first. What was asked and answered is not kept.",
    calls_none="No calls yet.",
    when="Time (UTC)",
    tool="Tool",
    model="Model",
    outcome="Outcome",
    seconds="{} s",
    ok="answered",
    cancelled="cancelled",
    models="Models",
    models_caption="How the models are at the moment, for everybody",
    state="State",
    ready="ready",
    rests="refused; others first for {} s",
    gone="not to be had",
    running="Running",
    running_of="{} of {}",
    queue="Waiting",
    pace="first word in {} s, answer in {} s",
    foot="As of {} UTC. Tokens by hour and recent calls are kept in memory until the server is started again.",
    foot_replicas=" There are several servers: these two are of the one that answered, the rest is of all.",
)
ZH = Words(
    lang="zh",
    title="GLM 工具",
    skip="跳到正文",
    who="已登录：{}",
    everybody="仅供本机使用，无需令牌",
    sign_in="登录",
    sign_in_why="此页显示您的用量、余额以及各模型的状况，供令牌持有者查看。",
    sign_in_not="本服务器使用贵组织身份提供方的令牌。请在请求头中发送 Authorization: Bearer TOKEN。",
    enter="您的令牌",
    enter_help="即您的客户端所发送的令牌。它不会留在页面或网址中；登录状态保持一小时。",
    refused="该令牌未被接受。请检查是否复制完整，或联系服务器管理者。",
    sign_out="退出登录",
    again="显示最新",
    today="今天",
    tokens_today="今日 token",
    of_tokens="共 {}",
    left="剩余 {}",
    no_limit="不限",
    new_day="UTC 零点重新计算，还有 {} 小时 {} 分",
    minute="本分钟调用",
    minute_of="现在还可调用 {} 次，上限 {}",
    at_once="同时调用",
    at_once_of="{} 个运行中，上限 {}",
    waiting="{} 个排队中",
    bar="已用 {}，共 {}，{}%",
    tools="工具：{}",
    hours="每小时 token",
    hours_alt="最近 24 小时共 {} token；最多的是 UTC {} 至 {}：{}。",
    hours_none="最近 24 小时没有用量。",
    as_table="以表格显示",
    hour="时间 (UTC)",
    tokens="Token",
    calls="最近的调用",
    calls_caption="您最近的调用，最新的在前。不保留问题和回答的内容。",
    calls_none="还没有调用。",
    when="时间 (UTC)",
    tool="工具",
    model="模型",
    outcome="结果",
    seconds="{} 秒",
    ok="已回答",
    cancelled="已取消",
    models="模型",
    models_caption="各模型目前的状况（所有人）",
    state="状态",
    ready="可用",
    rests="刚被拒绝；{} 秒内先用其他模型",
    gone="不可用",
    running="运行中",
    running_of="{} / {}",
    queue="排队",
    pace="首字 {} 秒，完整回答 {} 秒",
    foot="截至 UTC {}。每小时用量和最近的调用保存在内存中，服务器重启后清空。",
    foot_replicas="服务器有多台：这两项只是应答的这一台的，其余是全部的。",
)
LANGUAGES: dict[Lang, Words] = {"en": EN, "zh": ZH}
_RANGE = re.compile(r"\s*([a-zA-Z]{1,8})(?:-[a-zA-Z0-9-]{1,40})?\s*(?:;\s*q=([01](?:\.\d{0,3})?)\s*)?")


def words_for(accepts: str, otherwise: Lang | None) -> Words:
    """For an Accept-Language (RFC 9110, section 12.5.4): the language that it puts first among ours, else the one given."""
    found: dict[str, float] = {}
    for part in accepts[:500].split(","):
        match = _RANGE.fullmatch(part)
        if match and match[1].lower() in LANGUAGES:
            name = match[1].lower()
            found[name] = max(found.get(name, 0.0), float(match[2] or 1))
    best = max(found, key=lambda n: found[n], default="")
    if best and found[best] > 0:
        return EN if best == "en" else ZH
    return LANGUAGES[otherwise or "en"]
