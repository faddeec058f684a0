"""The fabric as a picture: sites and hosts down the page, segments as coloured lines, a dot where a host is on one.

``svg`` returns a self-contained file, the same for the same fabric, readable on light and dark pages and by screen
readers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from xml.sax.saxutils import escape

from .model import Attachment, Fabric, Host, Segment, Site
from .problems import listed
from .words import role

COLOURS = ("#2f6fde", "#d9480f", "#2b8a3e", "#9c36b5", "#868e96", "#c2255c", "#0c8599", "#b58105", "#7048e8", "#74591d")
FOLD = 6
"""From this many like hosts in a row on, one row stands for all of them."""

LEFT, COLUMN, ROW = 312, 92, 28
HEAD, SITE, GAP, EDGE = 132, 30, 12, 24
DOT = 6.5
LEGEND = 334

STYLE = """
  svg { color-scheme: light dark; font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
  .page { fill: #ffffff; } .card { fill: #f3f5f8; stroke: #d5dbe3; }
  .name { fill: #14202e; font-weight: 600; font-size: 13.5px; } .head { fill: #14202e; font-weight: 700; font-size: 14px; }
  .note { fill: #526071; font-size: 11.5px; } .title { fill: #14202e; font-weight: 700; font-size: 20px; }
  .part { fill: #34404e; font-size: 12px; } .segment { font-weight: 700; font-size: 12px; fill: #ffffff; }
  .octet { fill: #526071; font-size: 10px; } .row { stroke: #7d8a99; stroke-width: 2.5; } .foreign { fill: #ffffff; }
  .icon { fill: #34404e; } .hollow { fill: none; stroke: #6b7888; stroke-width: 1.6; }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117; } .card { fill: #161d27; stroke: #2c3745; }
    .name, .head, .title { fill: #f0f4f9; } .part { fill: #c3cdd9; } .note, .octet { fill: #9aa8b8; }
    .row { stroke: #8896a6; } .foreign { fill: #161d27; } .icon { fill: #c3cdd9; } .hollow { stroke: #9aa8b8; }
  }
"""


@dataclass(frozen=True, slots=True)
class _Row:
    """One line of the picture: a host, or a run of hosts that are alike."""

    hosts: tuple[Host, ...]
    role: str

    @property
    def label(self) -> str:
        first, last = self.hosts[0].name, self.hosts[-1].name
        return first if len(self.hosts) == 1 else f"{first} … {last}"


@dataclass(frozen=True, slots=True)
class _Line:
    """A segment's line across the picture."""

    segment: Segment
    x: float
    colour: str


def svg(fabric: Fabric) -> str:
    """Return the picture of a fabric as SVG text."""
    lines = {
        s.name: _Line(s, LEFT + (i + 0.5) * COLUMN, COLOURS[i % len(COLOURS)]) for i, s in enumerate(fabric.segments.values())
    }
    rows = {site.name: _rows(fabric, site) for site in fabric.sites.values()}
    width = LEFT + len(lines) * COLUMN + EDGE
    sites: list[str] = []
    y = float(HEAD)
    spans: dict[str, list[float]] = {}
    for site in fabric.sites.values():
        sites += _site(fabric, site, rows[site.name], lines, spans, y, width)
        y += SITE + len(rows[site.name]) * ROW + (10 if rows[site.name] else 0) + GAP
    height = y + 34
    body = [*_heads(fabric, lines), *sites, *_legend(y + 10)]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" '
        'role="img" aria-labelledby="title desc">',
        f'<title id="title">{escape(f"The fabric {fabric.name}: sites, segments and hosts")}</title>',
        f'<desc id="desc">{escape(_description(fabric))}</desc>',
        f"<style>{STYLE}</style>",
        f'<rect class="page" width="{width:g}" height="{height:g}" rx="10"/>',
        *_cards(body),
        *_strokes(lines, spans),
        *_not_cards(body),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _rows(fabric: Fabric, site: Site) -> list[_Row]:
    """Return a site's rows: hosts by what they are for, runs of like hosts folded into one."""
    hosts = [h for h in fabric.hosts.values() if h.site == site.name]

    def kind(host: Host) -> tuple[str, tuple[str, ...], bool]:
        return role(fabric, host), tuple(a.segment for a in host.attachments), host.managed

    rows: list[_Row] = []
    for (words, _unused, _unused2), group in groupby(hosts, key=kind):
        run = tuple(group)
        rows += [_Row(run, f"{words}, {len(run)} of them")] if len(run) >= FOLD else [_Row((host,), words) for host in run]
    return rows


def _cards(body: Sequence[str]) -> Iterator[str]:
    return (part for part in body if 'class="card"' in part)


def _not_cards(body: Sequence[str]) -> Iterator[str]:
    return (part for part in body if 'class="card"' not in part)


def _heads(fabric: Fabric, lines: dict[str, _Line]) -> Iterator[str]:
    """Yield the title, and each segment's name, VLAN and frames above its line."""
    yield _text(EDGE, 40, "title", fabric.name)
    yield _text(EDGE, 62, "note", "sites and hosts, and the segments they are on")
    for line in lines.values():
        segment = line.segment
        yield (
            f'<rect x="{line.x - COLUMN / 2 + 3:g}" y="24" width="{COLUMN - 6}" height="24" rx="12" fill="{line.colour}">'
            f"<title>{escape(_about(segment))}</title></rect>"
        )
        size = min(12, (COLUMN - 14) / (0.72 * len(segment.name)))  # a bold letter is about 0.72 of its size wide
        yield _text(line.x, 40, "segment", segment.name, middle=True, more=f' style="font-size: {size:.1f}px"')
        yield _text(line.x, 66, "note", f"{segment.kind.upper()} {segment.vlan}", middle=True)
        yield _text(line.x, 82, "note", f"MTU {segment.mtu}", middle=True)


def _site(
    fabric: Fabric,
    site: Site,
    rows: Sequence[_Row],
    lines: dict[str, _Line],
    spans: dict[str, list[float]],
    y: float,
    width: float,
) -> Iterator[str]:
    height = SITE + len(rows) * ROW + (10 if rows else 0)
    yield f'<rect class="card" x="{EDGE / 2:g}" y="{y:g}" width="{width - EDGE:g}" height="{height:g}" rx="8"/>'
    switches = [s for s in fabric.switches.values() if s.site == site.name]
    yield (
        f'<text x="{EDGE}" y="{y + 20:g}"><tspan class="head">{escape(site.name)}</tspan>'
        f'<tspan class="note" dx="8">{escape(site.description)}</tspan></text>'
    )
    for switch in switches:
        line = lines[switch.attachment.segment]
        spans.setdefault(line.segment.name, []).append(y + 15)
        yield (
            f'<rect x="{line.x - 5:g}" y="{y + 10:g}" width="10" height="10" rx="2" fill="{line.colour}">'
            f"<title>{escape(_where(switch.name, switch.attachment))}</title></rect>"
        )
    for i, row in enumerate(rows):
        yield from _row(row, lines, spans, y + SITE + i * ROW + ROW / 2)


def _row(row: _Row, lines: dict[str, _Line], spans: dict[str, list[float]], y: float) -> Iterator[str]:
    host = row.hosts[0]
    xs = [lines[a.segment].x for a in host.attachments]
    shape = "icon" if host.managed else "hollow"
    yield f'<rect class="{shape}" x="{EDGE + 2:g}" y="{y - 5:g}" width="10" height="10" rx="2.5"/>'
    yield _text(EDGE + 20, y + 4.5, "name", row.label)
    yield _text(EDGE + 118, y + 4.5, "part", row.role)
    if len(xs) > 1:
        yield f'<line class="row" x1="{min(xs):g}" x2="{max(xs):g}" y1="{y:g}" y2="{y:g}"/>'
    for attachment in host.attachments:
        line = lines[attachment.segment]
        spans.setdefault(attachment.segment, []).append(y)
        fill = f'fill="{line.colour}"' if host.managed else f'class="foreign" stroke="{line.colour}" stroke-width="3"'
        radius = DOT if host.managed else DOT - 1
        yield (
            f'<circle cx="{line.x:g}" cy="{y:g}" r="{radius:g}" {fill}>'
            f"<title>{escape(_where(row.label, attachment))}</title></circle>"
        )
        if len(row.hosts) == 1:
            yield _text(line.x + 10, y - 4, "octet", "." + str(attachment.ipv4).rsplit(".", 1)[1])


def _strokes(lines: dict[str, _Line], spans: dict[str, list[float]]) -> Iterator[str]:
    """Yield each segment's line: faint from its name to its first host, strong from there to its last."""
    for name, line in lines.items():
        begin, end = min(spans.get(name, [HEAD])), max(spans.get(name, [HEAD]))
        dash = ' stroke-dasharray="2 5" stroke-linecap="round"' if line.segment.kind == "vlan" else ""
        for top, bottom, how in ((92, begin, 'stroke-width="2" stroke-opacity="0.35"'), (begin, end, 'stroke-width="4"')):
            yield f'<path d="M{line.x:g} {top:g}V{bottom:g}" fill="none" stroke="{line.colour}" {how}{dash}/>'


def _legend(y: float) -> Iterator[str]:
    yield f'<rect class="icon" x="{EDGE + 2}" y="{y - 5:g}" width="10" height="10" rx="2.5"/>'
    yield _text(EDGE + 18, y + 4, "note", "ours")
    yield f'<rect class="hollow" x="{EDGE + 62}" y="{y - 5:g}" width="10" height="10" rx="2.5"/>'
    yield _text(EDGE + 78, y + 4, "note", "another's: nothing is changed on it")
    yield f'<circle class="icon" cx="{LEGEND}" cy="{y:g}" r="5"/>'
    yield _text(LEGEND + 12, y + 4, "note", "host on a segment (last part of its IPv4 address)")
    yield f'<rect class="icon" x="{LEGEND + 314}" y="{y - 4:g}" width="9" height="9" rx="2"/>'
    yield _text(LEGEND + 330, y + 4, "note", "switch, managed over this segment")
    yield (
        f'<line class="row" x1="{LEGEND + 558}" x2="{LEGEND + 588}" y1="{y:g}" y2="{y:g}" stroke-dasharray="2 5" '
        'stroke-linecap="round"/>'
    )
    yield _text(LEGEND + 598, y + 4, "note", "within one site")


def _text(x: float, y: float, css: str, words: str, *, middle: bool = False, more: str = "") -> str:
    anchor = ' text-anchor="middle"' if middle else ""
    return f'<text class="{css}" x="{x:g}" y="{y:g}"{anchor}{more}>{escape(words)}</text>'


def _about(segment: Segment) -> str:
    words = f"{segment.name}: {segment.ipv4}, {segment.ipv6}"
    return f"{words}; {segment.description}" if segment.description else words


def _where(name: str, a: Attachment) -> str:
    return f"{name} on {a.segment}: {a.ipv4}, {a.ipv6}; port {a.port} of {a.switch}"


def _description(fabric: Fabric) -> str:
    """Return the picture in words: each segment with its hosts."""
    sentences = []
    for segment in fabric.segments.values():
        members = [h.name for h in fabric.hosts.values() if h.attachment(segment.name)]
        sentences.append(f"Segment {segment.name} (VLAN {segment.vlan}) joins {listed(members, 30) or 'no host yet'}.")
    return " ".join(sentences)
