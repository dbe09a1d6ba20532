"""The table, for people and as CSV."""

import csv

COLUMNS = (
    "wakegate",
    "nginx",
    "nginx-large",
    "haproxy",
    "nginx-bare",
    "haproxy-bare",
    "hyper-bare",
    "envoy",
    "traefik",
    "caddy",
    "direct",
)


def number(value, digits):
    return "–" if value is None else f"{value:,.{digits}f}"


def cell(results, figure, proxy):
    value = results.median(figure.name, proxy)
    return results.why_not(figure.name, proxy) if value is None else number(value, figure.digits)


def reasons(results):
    """Why something is not in the table."""
    for what, why in results.missing.items():
        yield f"!!! MISSING: {what}: {why}"
    for (figure, proxy), why in results.failed.items():
        yield f"!!! FAILED: {figure}, {proxy}: {' '.join(why.split())[:400]}"


def warnings(results):
    """What makes the figures worth less."""
    if results.disturbed:
        yield (
            f"!!! DISTURBED: in {len(results.disturbed)} measurements other programs had up to "
            f"{max(results.disturbed):.0%} of a core. Latency and times are worth little then, CPU a little less."
        )


def verdict(results, figure):
    """Whether each goal is met; of a goal that is a ratio, how much it is."""
    return ", ".join(judged(results, figure, goal) for goal in figure.goals)


def judged(results, figure, goal):
    met = results.met(figure.name, goal)
    if met is None:
        return "–"
    ratio = f" ({results.ratio(figure.name, goal.of):.2f})" if goal.of else ""
    return ("yes" if met else "NO") + ratio


def lines(figures, results):
    """The table's lines, in Markdown."""
    columns = [proxy for proxy in COLUMNS if proxy in results.proxies()]
    head = ["measure", "unit", *columns, "× nginx", "× haproxy", "goal", "met"]
    rows = [head, ["---", "---", *["---:"] * (len(columns) + 2), "---", "---"]]
    for figure in figures:
        if not results.asked(figure.name):
            continue
        values = [cell(results, figure, proxy) for proxy in columns]
        ratios = [number(results.ratio(figure.name, of), 2) for of in ("nginx", "haproxy")]
        goals = ", ".join(map(str, figure.goals))
        rows.append([figure.title, figure.unit, *values, *ratios, goals, verdict(results, figure)])
    widths = [max(len(row[at]) for row in rows) for at in range(len(head))]
    for row in rows:
        yield "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |"


def write_csv(path, figures, results):
    """Every round of every proxy, and its median."""
    with open(path, "w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["measure", "title", "unit", "proxy", "median", "wakegate_to_it", "goal", "met", "rounds"])
        for figure in figures:
            for proxy, values in results.rounds.get(figure.name, {}).items():
                ours = proxy == "wakegate"
                goals = "; ".join(map(str, figure.goals)) if ours else ""
                ratio = None if ours else results.ratio(figure.name, proxy)
                out.writerow(
                    [
                        figure.name,
                        figure.title,
                        figure.unit,
                        proxy,
                        round(results.median(figure.name, proxy), 4),
                        "" if ratio is None else round(ratio, 4),
                        goals,
                        verdict(results, figure) if ours else "",
                        " ".join(str(round(value, 4)) for value in values),
                    ]
                )
