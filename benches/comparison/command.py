"""The command: its options, its rounds, its report."""

import argparse
import shutil
import sys
from pathlib import Path

from . import build, handshake, held, install, instructions, machine, many, plot, quota, ready, report, small, warm
from .bench import Bench
from .figures import Results
from .proxies.bare import HyperBare
from .proxies.caddy import Caddy
from .proxies.direct import Direct
from .proxies.envoy import Envoy
from .proxies.haproxy import Haproxy, HaproxyBare
from .proxies.nginx import Nginx, NginxBare, NginxLarge
from .proxies.traefik import Traefik
from .proxies.wakegate import Wakegate

SUBJECTS = (warm, handshake, instructions, held, ready, small, quota, many)
ROWS = [row for subject in SUBJECTS for row in subject.ROWS]
OTHERS = {
    "nginx": (Nginx, NginxLarge),
    "haproxy": (Haproxy,),
    "nginx-bare": (NginxBare,),
    "haproxy-bare": (HaproxyBare,),
    "hyper-bare": (HyperBare,),
    "envoy": (Envoy,),
    "traefik": (Traefik,),
    "caddy": (Caddy,),
}
PROXIES = ("wakegate", *OTHERS)
# Of a core, had by other programs meanwhile: more than what any system does by the way.
DISTURBED = 0.1
USUAL = [name for name in PROXIES if not name.endswith("-bare")]


def chosen(what, known):
    """The names in a list with commas, all of them known."""
    names = [name.strip() for name in what.split(",") if name.strip()]
    for name in names:
        if name not in known:
            raise argparse.ArgumentTypeError(f"there is no {name!r}; there are {', '.join(known)}")
    return names


def positive(text):
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of rounds")
    return int(text)


def folder(path):
    if not Path(path).is_dir():
        raise argparse.ArgumentTypeError(f"{path} is no directory")
    return Path(path).resolve()


def options(arguments):
    rows = [row.name for row in ROWS]
    parser = argparse.ArgumentParser(
        prog="benches/compare",
        description="Measures Wakegate beside other proxies, each pinned to one core with the same work, the load and "
        "the upstream on another; prints medians of interleaved rounds, ratios and whether the goals are met.",
        epilog=f"Rows: {', '.join(rows)}. Example: benches/compare --only keepalive,h2 --proxies wakegate,nginx",
    )
    parser.add_argument("--only", type=lambda what: chosen(what, rows), metavar="ROW[,ROW]", help="these rows alone")
    parser.add_argument(
        "--proxies",
        type=lambda what: chosen(what, PROXIES),
        default=USUAL,
        metavar="NAME[,NAME]",
        help=f"of {', '.join(PROXIES)}; -bare is one without hosts, header rules and X-Forwarded-*, and left out "
        "unless it is named; hyper-bare is hyper with nothing around it",
    )
    parser.add_argument("--rounds", type=positive, default=5, help="how many (5)")
    parser.add_argument("--wakegate", type=Path, metavar="PATH", help="this binary; a release is built if left out")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="every round, as CSV")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="the medians as bars, as SVG")
    parser.add_argument(
        "--profiles", type=folder, metavar="DIRECTORY", help="keep there what callgrind writes, for callgrind_annotate"
    )
    parser.add_argument("--quick", action="store_true", help="short rounds, whose figures are worth little")
    return parser.parse_args(arguments)


def main(arguments=None):
    asked = options(arguments)
    machine.obey_signals()
    try:
        return measure(asked)
    except machine.Trouble as trouble:
        print(f"benches/compare: {trouble}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def measure(asked):
    if machine.cores() < 2:
        raise machine.Trouble("this takes two cores: one for the proxy, one for its load and its upstream")
    missing = install.programs()
    for program in ("nginx", "openssl"):
        if program in missing:
            raise machine.Trouble(f"there is no {program}, and nothing goes without it")
    rows = [row for row in ROWS if asked.only is None or row.name in asked.only]
    results = Results()
    proxies = there(asked, results)
    crowd, late = build.benches() if any(row.builds for row in rows) else (None, None)
    with Bench(asked.quick, asked.profiles, crowd, late) as bench:
        for row in rows:
            needed = [program for program in row.needs if not shutil.which(program)]
            if needed:
                results.missing |= {figure.name: f"there is no {', '.join(needed)}" for figure in row.figures}
                continue
            rounds(bench, row, proxies, 1 if row.once else asked.rounds, results)
    figures = [figure for row in rows for figure in row.figures]
    print()
    for line in report.lines(figures, results):
        print(line)
    for line in [*report.reasons(results), *report.warnings(results)]:
        print(line)
    if asked.csv:
        report.write_csv(asked.csv, figures, results)
    if asked.plot:
        plot.write(asked.plot, figures, results)
    return 1 if results.failed else 0


def there(asked, results):
    """The proxies that are asked for and there."""
    proxies = []
    if "wakegate" in asked.proxies:
        proxies.append(Wakegate((asked.wakegate or build.wakegate()).resolve()))
    for name in asked.proxies:
        for kind in OTHERS.get(name, ()):
            proxy = kind()
            if found := proxy.find():
                proxy.program = found
                proxies.append(proxy)
            else:
                results.missing[proxy.name] = "it is not here, and cannot be had"
    return [*proxies, Direct()]


def rounds(bench, row, proxies, count, results):
    """All rounds of a row: in each, every proxy in its turn, so that what else the machine does falls on all."""
    fit = [proxy for proxy in proxies if row.fits(proxy.name)]
    for turn in range(count):
        for proxy in fit:
            others = machine.Others(bench.origin.process.pid)
            try:
                found = row.measure(bench, proxy)
            except machine.Missing as missing:
                results.missing |= {figure.name: str(missing) for figure in row.figures}
                return
            except (machine.Trouble, OSError) as trouble:
                print(f"round {turn + 1} of {count}: {proxy.name}: {row.name} FAILED", flush=True)
                results.failed |= {(figure.name, proxy.name): str(trouble) for figure in row.figures}
                continue
            for figure, value in found.items():
                results.add(figure, proxy.name, value)
            said = ", ".join(f"{figure} {value:,.2f}" for figure, value in found.items())
            share = others.share()
            if share > DISTURBED:
                results.disturbed.append(share)
                said += f" (disturbed: others had {share:.0%} of a core)"
            print(f"round {turn + 1} of {count}: {proxy.name}: {said}", flush=True)
