#!/usr/bin/env python3
"""Draws the benchmark table of a Markdown file as SVG: plot_benchmark.py README.md >docs/benchmark.svg

The table is the first whose header names redis-proxy: a row for each measurement, a column for each server, ratios to
the floor in the cells. The axis is logarithmic, and each line runs from the floor's 1 to a server's ratio. All colours
have enough contrast on white and on black, since an image does not know the background of the page.
"""

import html
import math
import sys

GREY, ACCENT, FAINT = "#797979", "#e5534b", "#79797955"
LEFT, RIGHT, TOP, BAR, GAP = 130, 60, 62, 15, 26
WIDTH = 820
LEAST, MOST = 0.8, 64


def read_table(text):
    """Returns a list of (title, {server: ratio as written})."""
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("|") and "redis-proxy |" in line)
    cells = [[cell.strip(" *`") for cell in line.strip("|").split("|")]
             for line in lines[start:lines.index("", start)]]
    servers = [name.replace("`", "") for name in cells[0][1:]]
    return [(row[0], {name: cell for name, cell in zip(servers, row[1:]) if cell != "–"}) for row in cells[2:]]


def x_of(ratio):
    return LEFT + (WIDTH - LEFT - RIGHT) * math.log(ratio / LEAST) / math.log(MOST / LEAST)


def text(x, y, words, anchor="start", colour=GREY, weight="normal", size=12):
    return (f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}" font-weight="{weight}" '
            f'font-size="{size}">{html.escape(words)}</text>')


def line(x1, y1, x2, y2, colour, width):
    return (f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" '
            f'stroke-width="{width}"/>')


def draw(rows):
    parts = []
    y = TOP
    for title, ratios in rows:
        parts.append(text(x_of(1) + 8, y + 10, title, weight="bold"))
        y += 17
        for server, shown in sorted(ratios.items(), key=lambda item: float(item[1])):
            ratio = float(shown)
            colour, weight = (ACCENT, "bold") if server == "redis-proxy" else (GREY, "normal")
            middle = y + BAR / 2
            parts.append(text(LEFT - 10, middle + 4, server, "end", colour, weight))
            parts.append(line(x_of(1), middle, x_of(ratio), middle, colour, 3))
            parts.append(f'<circle cx="{x_of(ratio):.1f}" cy="{middle:.1f}" r="5" fill="{colour}"/>')
            parts.append(text(max(x_of(ratio), x_of(1)) + 10, middle + 4, shown, "start", colour, weight))
            y += BAR
        y += GAP - 17
    bottom = y
    axis = []
    for tick in (1, 2, 4, 8, 16, 32, 64):
        axis.append(line(x_of(tick), TOP - 4, x_of(tick), bottom, GREY if tick == 1 else FAINT, 1))
        axis.append(text(x_of(tick), bottom + 16, "floor = 1" if tick == 1 else f"{tick}×", "middle"))
    title = "Server CPU time per request, as a multiple of the floor"
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{bottom + 46:.0f}" '
        f'viewBox="0 0 {WIDTH} {bottom + 46:.0f}" role="img" font-family="Helvetica, Arial, sans-serif">',
        f"<title>{title}</title>",
        text(x_of(1) + 8, 22, title, weight="bold", size=15),
        text(x_of(1) + 8, 42, "The floor is a bare epoll loop that answers a constant. Logarithmic axis; less is better."),
        *axis, *parts,
        text(LEFT + (WIDTH - LEFT - RIGHT) / 2, bottom + 36, "CPU time per request ÷ that of the floor", "middle"),
        "</svg>", ""])


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        sys.stdout.write(draw(read_table(file.read())))


if __name__ == "__main__":
    main()
