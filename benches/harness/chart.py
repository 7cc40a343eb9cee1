"""The chart: how many times better Godwit is, a bar for each target, on a scale where twice and half are equally far."""

import html
import math

from harness import targets
from harness.titles import TITLES

ROW, LEFT, WIDTH, RIGHT, TOP = 22, 430, 420, 220, 56
GREEN, RED, GREY, INK = "#2e7d4f", "#b5482f", "#9aa0a6", "#202124"
LIMIT = 16


def draw(found):
    """An SVG file's text."""
    shown = [each for each in targets.verdicts(found) if each.target.peer and each.figure]
    height = TOP + ROW * len(shown) + 30
    full = LEFT + WIDTH + RIGHT
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{full}" height="{height}" viewBox="0 0 {full} {height}" '
             'font-family="Helvetica, Arial, sans-serif" font-size="12">',
             f'<rect width="{full}" height="{height}" fill="white"/>',
             _text(12, 20, "How many times better Godwit is than the peer", "start", INK, "15", "bold"),
             _text(12, 38, f"medians of one run, {found['made'][:10]}, {found['machine']['cores']} cores; the tick is what is to be reached",
                   "start", GREY)]
    for mark in (1 / LIMIT, 1 / 4, 1 / 2, 1, 2, 4, LIMIT):
        x = _x(mark)
        stroke = INK if mark == 1 else "#e0e0e0"
        parts.append(f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{height - 26}" stroke="{stroke}"/>')
        parts.append(_text(x, height - 12, f"{mark:g} ×" if mark >= 1 else f"1/{1 / mark:g} ×", "middle", GREY))
    for at, each in enumerate(shown):
        parts += _bar(TOP + ROW * at, each)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _bar(y, each):
    target, zero, end = each.target, _x(1), _x(each.figure)
    wanted = target.at_least or target.aim
    name = each.title.replace("`", "")
    yield _text(LEFT - 8, y + 15, f"{name if len(name) < 62 else name[:60] + '…'}", "end", INK, "11")
    yield (f'<rect x="{min(zero, end):.1f}" y="{y + 4}" width="{max(abs(end - zero), 1):.1f}" height="{ROW - 8}" '
           f'fill="{GREEN if each.reached else RED}"/>')
    yield f'<line x1="{_x(wanted):.1f}" y1="{y + 1}" x2="{_x(wanted):.1f}" y2="{y + ROW - 1}" stroke="{INK}" stroke-width="2"/>'
    yield _text(LEFT + WIDTH + 8, y + 15, f"{each.figure:.2f} × {TITLES[target.peer]}", "start", INK, "11")


def _x(ratio):
    """Where a ratio is; those beyond the ends are at the ends."""
    at = math.log2(min(max(ratio, 1 / LIMIT), LIMIT)) / math.log2(LIMIT)
    return LEFT + WIDTH * (at + 1) / 2


def _text(x, y, text, anchor, colour, size="12", weight="normal"):
    return (f'<text x="{x:.1f}" y="{y}" text-anchor="{anchor}" fill="{colour}" font-size="{size}" font-weight="{weight}">'
            f"{html.escape(text)}</text>")
