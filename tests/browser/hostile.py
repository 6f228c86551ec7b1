"""Captions that want to be more than text; each is a word of a scenario."""

from __future__ import annotations

from typing import Any

from tests.browser.scenarios import make_scenario

MARK = "ecg_was_here"


def texts(url: str, file: str) -> list[str]:
    """``url``, ``file``: a server and a file (as a URL) that nobody may open."""
    run = f"window.{MARK}=1"
    return [
        *_markup(url, file, run),
        *_styles(url, file),
        *_addresses(url, file, run),
        *_templates(run),
        *_directions(),
        *_piles(),
        *_names(),
    ]


#: Of no script that the caption fonts know.
WITHOUT_GLYPHS = ["𒐫" * 60, "꧅" * 60, "༼ༀ༽" * 80, "ᄒ" * 500, "a⃟", "\U000f0000", "\U0010fffd"]


def _markup(url: str, file: str, run: str) -> list[str]:
    return [
        f"<script>{run}</script>",
        f"</script><script>{run}</script>",
        f"<ScRiPt >{run}</sCrIpT >",
        f"<script src={url}/a.js></script>",
        f"<script src='{file}'></script>",
        f"<script type=module>{run}</script>",
        f"<img src={url}/a.png>",
        f"<img src=x onerror={run}>",
        f"<img src={file}>",
        f"<image href={url}/a>",
        f"<svg onload={run}>",
        f"<svg><script>{run}</script></svg>",
        f"<svg><image href={url}/a.png /></svg>",
        f"<svg><use href='{url}/a.svg#x'/></svg>",
        f"<svg><animate onbegin={run} attributeName=x dur=1s>",
        f"<svg><foreignObject><iframe src={file}></iframe></foreignObject></svg>",
        f"<iframe src={file}></iframe>",
        f"<iframe src={url}/frame></iframe>",
        f"<iframe srcdoc='<script>{run}</script>'>",
        f"<iframe src='javascript:parent.{MARK}=1'></iframe>",
        f"<object data={file}></object>",
        f"<embed src={url}/a.swf>",
        f"<link rel=stylesheet href={url}/a.css>",
        f"<link rel=prefetch href={url}/a>",
        f"<link rel=import href={file}>",
        f"<meta http-equiv=refresh content='0;url={url}/refresh'>",
        f"<base href={url}/>",
        f"<form action={url}/form><input autofocus onfocus={run}></form>",
        f"<video src={url}/a.mp4 autoplay></video>",
        f"<audio src={file} autoplay onerror={run}>",
        f"<body onload={run}>",
        f"<details open ontoggle={run}>",
        f"<marquee onstart={run}>x</marquee>",
        f"<input onfocus={run} autofocus>",
        f"<math><mtext><script>{run}</script></mtext></math>",
        f"<template><script>{run}</script></template>",
        f"<noscript><p title='</noscript><img src=x onerror={run}>'>",
        f"<!--<img src='--><img src=x onerror={run}>'>",
        f"<![CDATA[<script>{run}</script>]]>",
        f"<x onclick={run} id=x tabindex=1 style=display:block>",
        "</span></div></canvas><h1>out</h1>",
        "<plaintext>",
        "<textarea>",
        "<title>",
        "<b>bold</b>",
        "&lt;script&gt;",
        "&#60;script&#62;",
        "&amp;&nbsp;&#0;",
        "<track default src='x.vtt'>",
        f"<portal src={url}/portal>",
        f"<frameset onload={run}><frame src={file}>",
        f"'\"><svg/onload={run}>",
        f"`'\"></style></title></textarea><script>{run}</script>",
        "<br>",
        "\\u003cscript\\u003e",
    ]


def _styles(url: str, file: str) -> list[str]:
    return [
        f"</style><script>window.{MARK}=1</script>",
        f"<style>*{{background:url({url}/s)}}</style>",
        f"<style>@import '{url}/import.css';</style>",
        f"background:url({url}/b.png)",
        f"url('{file}')",
        f"<p style=\"background:url('{url}/inline')\">",
        f"<style>@font-face{{font-family:x;src:url({url}/f)}}</style>",
        "}*{display:none}",
        "*/display:none/*",
        ";color:red;position:fixed",
        "var(--ecg-outline)",
        "expression(alert(1))",
        f"-moz-binding:url({url}/xbl)",
        "@media all{*{visibility:hidden}}",
        "!important",
        "\\0000003cscript",
    ]


def _addresses(url: str, file: str, run: str) -> list[str]:
    return [
        f"javascript:{run}",
        f"JaVaScRiPt:{run}",
        f"data:text/html,<script>{run}</script>",
        f"<a href={url} ping={url}>x</a>",
        f"vbscript:{run}",
        file,
        url,
        f"view-source:{file}",
        "chrome://version",
        f"blob:{url}/x",
        f"//{url[7:]}/x",
        f"<a href='javascript:{run}' autofocus>x</a>",
        "about:blank",
        "filesystem:http://x/temporary/a",
        f"[x](javascript:{run})",
        f"![x]({url}/markdown.png)",
    ]


def _templates(run: str) -> list[str]:
    return [
        f"${{{run}}}",
        "{{constructor.constructor('return 1')()}}",
        "{{7*7}}",
        "<%= 7*7 %>",
        "#{7*7}",
        "${7*7}",
        "$(id)",
        "`id`",
        "%s%s%n",
        "{0.__class__}",
        "{text}",
        "%{text}",
        "'; DROP TABLE jobs; --",
        "../../../etc/passwd",
        f"</text>{run}",
        "%00%0a%0d",
        "\\",
        "\\n\\r\\t",
        '"',
        "'",
        "$&$`$'",
        '{"x": 1}',
        "[object",
        "null",
        "undefined",
        "NaN",
    ]


def _directions() -> list[str]:
    return [
        "\u202egnp.exe",
        "\u202e" * 40 + "abc",
        "abc\u202d\u202edef\u202c",
        "\u2066\u2067\u2068abc\u2069\u2069\u2069",
        "\u2067" * 300 + "x",
        "\u061cabc\u200f",
        "אבגabcאבג123",
        "\u202bعربي\u202cabc",
        "a\u202a" * 150,
        "(\u202e)(\u202d)",
    ]


def _piles() -> list[str]:
    return [
        "Z\u0351\u036b\u0343\u036a\u0302\u036b",
        "a" + "\u0301" * 8,
        "👨‍👩‍👧‍👦",
        "👩‍❤️‍💋‍👨" * 20,
        "👍🏽" * 50,
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "👩‍" * 200 + "👩",
        "a\u200d" * 300,
        "x" + "\u200b" * 900 + "y",
        "\ufeffx",
        "x\u00ad" * 300,
        "x\ufe0f" * 300,
        "🇩🇪" * 100,
        "ﷺ" * 60,
        "क्" * 300 + "क",
        "각" * 300,
        "W" * 1000,
        "W" * 999 + ".",
        "i" * 1000,
        "．" * 500,
        "\u2028x\u2029",
        "x\u00a0" * 300 + "x",
        "\u180ex",
        "\u3164x",
        "x" + "\u034f" * 300,
    ]


def _names() -> list[str]:
    return [
        "__proto__",
        "constructor",
        "prototype",
        "toString",
        "hasOwnProperty",
        "__defineGetter__",
        "valueOf",
        "window",
        "document",
    ]


def scenario(said: list[str], **changes: Any) -> dict[str, Any]:
    """One cue for each text, of its one word; a speaker and an id each whose names are keys of everything."""
    made = make_scenario(["x"], cues=len(said), word_s=0.2)
    names = ["__proto__", "constructor", "toString", "A"]
    made["speakers"] = {name: {"color": "#ffd400", "name": name} for name in names}
    for number, (cue, text) in enumerate(zip(made["cues"], said, strict=True)):
        cue["words"][0]["text"] = text
        cue["speaker"] = names[number % len(names)]
    for cue, name in zip(made["cues"], names, strict=False):
        cue["id"] = name
    return {**made, **changes}
