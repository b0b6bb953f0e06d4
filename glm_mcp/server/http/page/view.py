"""The page as HTML: what one caller is told, and the form that asks who it is."""

from __future__ import annotations

import time
from dataclasses import dataclass

from glm_mcp import __version__
from glm_mcp.server.callers.admission import DAY_S, Standing
from glm_mcp.server.callers.caller import LOCAL, Caller
from glm_mcp.server.http.page import charts
from glm_mcp.server.http.page.markup import Markup, element, table, together, word
from glm_mcp.server.http.page.words import Words
from glm_mcp.server.tally import CANCELLED, HOUR_S, HOURS, OK, Mine, Past


@dataclass(frozen=True, slots=True)
class Model:
    """How one model is. Seconds; None where nothing is known. `limit` None: it was not asked yet."""

    name: str
    gone: bool
    rests_s: float
    limit: int | None
    running: int
    waiting: int
    first_byte_s: float | None
    answer_s: float | None


@dataclass(frozen=True, slots=True)
class Facts:
    """What one caller is told. `now`: seconds since 1970; `leaves`: they can sign out; `replicas`: there are several
    servers.
    """

    caller: Caller
    tools: tuple[str, ...]
    standing: Standing
    mine: Mine
    models: tuple[Model, ...]
    now: float
    leaves: bool
    replicas: bool


def own_page(facts: Facts, words: Words) -> str:
    who = words.everybody if facts.caller is LOCAL else words.who.format(facts.caller.name)
    links = [element("a", words.again, href="/")]
    if facts.leaves:
        button = element("button", words.sign_out, type="submit")
        links.append(element("form", button, method="post", action="/sign-out"))
    foot = words.foot.format(time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(facts.now)))
    return _document(
        words,
        together(element("p", who), element("nav", *links, aria_label=words.title)),
        together(
            _today(facts, words), _hours(facts, words), _calls(facts.mine, words), _models(facts, words)
        ),
        foot + (words.foot_replicas if facts.replicas else ""),
    )


def sign_in_page(words: Words, *, form: bool, refused: bool) -> str:
    """`form`: there are tokens that it takes; `refused`: the last one was none."""
    parts = [element("h2", words.sign_in, id="sign-in"), element("p", words.sign_in_why)]
    if refused:
        parts.append(element("p", words.refused, class_="error", role="alert", id="refused"))
    if form:
        described = "token-help refused" if refused else "token-help"
        field = element(
            "input",
            type="password",
            id="token",
            name="token",
            required=True,
            autocomplete="current-password",
            autocapitalize="none",
            spellcheck="false",
            maxlength=8192,
            aria_describedby=described,
            aria_invalid="true" if refused else None,
        )
        parts.append(
            element(
                "form",
                # Keepers of passwords want a name to keep it under.
                element(
                    "input", type="text", name="name", value="glm-mcp", autocomplete="username", hidden=True
                ),
                element("label", words.enter, for_="token"),
                field,
                element("p", words.enter_help, class_="help", id="token-help"),
                element("button", words.sign_in, type="submit", class_="main"),
                method="post",
                action="/sign-in",
            )
        )
    else:
        parts.append(element("p", words.sign_in_not))
    return _document(
        words, Markup(""), element("section", *parts, class_="sign-in", aria_labelledby="sign-in"), ""
    )


def _document(words: Words, head: Markup, main: Markup, foot: str) -> str:
    about = together(
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="robots", content="noindex"),
        element("title", words.title),
        element("link", rel="icon", href="/icon.svg"),
        element("link", rel="stylesheet", href=f"/style.css?{__version__}"),
    )
    body = together(
        element("a", words.skip, class_="skip", href="#main"),
        element("header", element("h1", words.title), head),
        element("main", main, id="main", tabindex=-1),
        element("footer", element("p", foot)) if foot else Markup(""),
    )
    whole = element("html", element("head", about), element("body", body), lang=words.lang)
    return f"<!DOCTYPE html>\n{whole}\n"


def _section(name: str, title: str, *content: str | Markup) -> Markup:
    return element("section", element("h2", title, id=name), *content, aria_labelledby=name)


def _today(facts: Facts, words: Words) -> Markup:
    caller, standing = facts.caller, facts.standing
    used, limit = standing.tokens_today, caller.tokens_per_day
    hours, minutes = divmod(int(DAY_S - facts.now % DAY_S) // 60, 60)
    of = words.of_tokens.format(f"{limit:,}") if limit else words.no_limit
    tokens = [element("p", f"{used:,} ", element("small", of), class_="large")]
    if limit:
        left = words.left.format(f"{max(0, limit - used):,}")
        tokens += [charts.bar(used, limit, words, words.tokens_today), element("p", left)]
    tokens.append(element("p", words.new_day.format(hours, minutes)))
    cards = [_card(words.tokens_today, tokens)]
    if caller.per_minute and standing.calls_left is not None:
        made = caller.per_minute - standing.calls_left
        left = words.minute_of.format(standing.calls_left, caller.per_minute)
        shown = [element("p", str(standing.calls_left), class_="large")]
        shown += [charts.bar(made, caller.per_minute, words, words.minute), element("p", left)]
        cards.append(_card(words.minute, shown))
    if caller.at_once:
        running = words.at_once_of.format(standing.running, caller.at_once)
        shown = [element("p", str(standing.running), class_="large")]
        shown += [charts.bar(standing.running, caller.at_once, words, words.at_once), element("p", running)]
        if standing.queued:
            shown.append(element("p", words.waiting.format(standing.queued)))
        cards.append(_card(words.at_once, shown))
    tools = element("p", words.tools.format(", ".join(facts.tools)), class_="tools")
    return _section("today", words.today, element("div", *cards, class_="cards"), tools)


def _card(title: str, content: list[Markup]) -> Markup:
    return element("div", element("h3", title), *content, class_="card")


def _hours(facts: Facts, words: Words) -> Markup:
    now = int(facts.now // HOUR_S)
    tokens = {h: n for h, n in sorted(facts.mine.tokens.items()) if now - HOURS < h <= now and n}
    said = element("figcaption", charts.alternative(tokens, words))
    parts = [element("figure", charts.columns(tokens, now, words), said)]
    if tokens:
        rows: list[list[str | Markup]] = [[charts.clock(h), f"{n:,}"] for h, n in tokens.items()]
        shown = table(words.hours, [words.hour, words.tokens], rows, numbers={1})
        parts.append(element("details", element("summary", words.as_table), shown))
    return _section("hours", words.hours, *parts)


def _calls(mine: Mine, words: Words) -> Markup:
    if not mine.calls:
        return _section("calls", words.calls, element("p", words.calls_none))
    heads = [words.when, words.tool, words.outcome, words.tokens]
    rows = [_call(past, words) for past in mine.calls]
    return _section("calls", words.calls, table(words.calls_caption, heads, rows, numbers={3}))


def _call(past: Past, words: Words) -> list[str | Markup]:
    at = time.gmtime(past.at)
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", at)
    said = {OK: words.ok, CANCELLED: words.cancelled}.get(past.outcome, past.outcome)
    kind = {OK: "good", CANCELLED: None}.get(past.outcome, "bad")
    model = element("small", past.model) if past.model else Markup("")
    return [
        element("time", time.strftime("%H:%M:%S", at), datetime=stamp),
        together(word(past.tool), model),
        together(
            element("span", word(said), class_=kind),
            element("small", words.seconds.format(f"{past.seconds:.1f}")),
        ),
        f"{past.tokens:,}",
    ]


def _models(facts: Facts, words: Words) -> Markup:
    heads = [words.model, words.state, words.running, words.queue]
    rows = [_model(model, words) for model in facts.models]
    return _section("models", words.models, table(words.models_caption, heads, rows, numbers={2, 3}))


def _model(model: Model, words: Words) -> list[str | Markup]:
    state, kind = words.ready, "good"
    if model.gone:
        state, kind = words.gone, "bad"
    elif model.rests_s > 0:
        state, kind = words.rests.format(round(model.rests_s) or 1), "bad"
    running = words.running_of.format(model.running, model.limit) if model.limit else str(model.running)
    pace = Markup("")
    if model.first_byte_s is not None and model.answer_s is not None:
        pace = element("small", words.pace.format(f"{model.first_byte_s:.1f}", f"{model.answer_s:.1f}"))
    return [model.name, together(element("span", state, class_=kind), pace), running, str(model.waiting)]
