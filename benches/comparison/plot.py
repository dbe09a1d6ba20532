"""The table as a picture: bars in SVG, a group for each figure, each to its own scale."""

from html import escape

from .report import COLUMNS, number

WIDTH, LEFT, RIGHT = 860, 130, 110
LINE, GAP, HEAD = 18, 14, 24
OURS, THEIRS, GOAL = "#2563eb", "#9ca3af", "#dc2626"


def goals(figure, results):
    """Where the goals are on the figure's scale."""
    for goal in figure.goals:
        base = results.median(figure.name, goal.of) if goal.of else 1
        if base is not None:
            yield goal.limit * base


def group(figure, results, top):
    """One figure: its title, a bar for each proxy, a line for each goal. Tells how high it is, too."""
    proxies = [proxy for proxy in COLUMNS if results.median(figure.name, proxy) is not None]
    values = {proxy: results.median(figure.name, proxy) for proxy in proxies}
    limits = list(goals(figure, results))
    most = max([*values.values(), *limits]) or 1
    scale = (WIDTH - LEFT - RIGHT) / most
    unit = f", {figure.unit}" if figure.unit else ""
    out = [f'<text x="0" y="{top + 14}" font-weight="bold">{escape(figure.title + unit)}</text>']
    first = top + HEAD
    for at, (proxy, value) in enumerate(values.items()):
        y = first + at * LINE
        fill = OURS if proxy == "wakegate" else THEIRS
        end = LEFT + value * scale
        out.append(f'<text x="{LEFT - 8}" y="{y + 12}" text-anchor="end">{escape(proxy)}</text>')
        out.append(f'<rect x="{LEFT}" y="{y}" width="{max(end - LEFT, 1):.1f}" height="{LINE - 4}" fill="{fill}"/>')
        out.append(f'<text x="{end + 6:.1f}" y="{y + 12}">{number(value, figure.digits)}</text>')
    bottom = first + len(values) * LINE
    for limit in limits:
        x = f"{LEFT + limit * scale:.1f}"
        dashed = f'stroke="{GOAL}" stroke-width="1.5" stroke-dasharray="4 3"'
        out.append(f'<line x1="{x}" x2="{x}" y1="{first - 3}" y2="{bottom}" {dashed}/>')
    return out, bottom - top + GAP


def write(path, figures, results):
    body, top = [], 30
    for figure in figures:
        if figure.name in results.rounds:
            lines, height = group(figure, results, top)
            body += lines
            top += height
    legend = '<text x="0" y="14">less is better, but for requests a second; dashed: the most that a goal allows</text>'
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-10 0 {WIDTH + 20} {top}" width="{WIDTH + 20}" '
        f'height="{top}" font-family="sans-serif" font-size="12">\n'
        f'<rect x="-10" width="{WIDTH + 20}" height="{top}" fill="white"/>\n'
        + "\n".join([legend, *body])
        + "\n</svg>\n"
    )
