"""What is measured, and what is to come of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True)
class Goal:
    """At most `limit`, or that times what `of` needs."""

    limit: float
    of: str | None = None

    def __str__(self):
        return f"≤ {self.limit:.2f} × {self.of}" if self.of else f"≤ {self.limit:,g}"


@dataclass(frozen=True)
class Figure:
    """One line of the table. Less is better, but where `more` is."""

    name: str
    title: str
    unit: str
    goals: tuple = ()
    digits: int = 1


@dataclass(frozen=True)
class Row:
    """Figures that come from one measurement: `measure(bench, proxy)` is one round of it."""

    name: str
    figures: tuple
    measure: Callable
    # Those that it makes sense for; all where it is empty.
    proxies: tuple = ()
    # Measured once, where a round repeats itself or is long.
    once: bool = False
    # What else it needs than the proxies.
    needs: tuple = ()
    # Whether it takes what is built here besides Wakegate.
    builds: bool = False

    # Whether it is of use to know how it is without a proxy.
    direct: bool = False

    def fits(self, proxy):
        if proxy == "direct":
            return self.direct
        if proxy == "nginx-large" and not self.proxies:
            return any(goal.of == proxy for figure in self.figures for goal in figure.goals)
        return not self.proxies or proxy in self.proxies


@dataclass
class Results:
    """What every round has found, by figure and proxy, and what was not found."""

    rounds: dict = field(default_factory=dict)
    # Proxies and figures that cannot be measured here, and figures of a proxy that could not be: each with its reason.
    missing: dict = field(default_factory=dict)
    failed: dict = field(default_factory=dict)
    # The share of a core that other programs had in each measurement where it was much.
    disturbed: list = field(default_factory=list)

    def add(self, figure, proxy, value):
        self.rounds.setdefault(figure, {}).setdefault(proxy, []).append(value)

    def median(self, figure, proxy):
        values = self.rounds.get(figure, {}).get(proxy)
        return median(values) if values else None

    def why_not(self, figure, proxy):
        """A word for a figure that is not there."""
        if proxy in self.missing or figure in self.missing:
            return "missing"
        return "failed" if (figure, proxy) in self.failed else "–"

    def asked(self, figure):
        """Whether anybody was asked for it, or would have been."""
        return figure in self.rounds or figure in self.missing or any(figure == name for name, _ in self.failed)

    def proxies(self):
        measured = {proxy for found in self.rounds.values() for proxy in found}
        return measured | {proxy for _, proxy in self.failed} | set(self.missing)

    def ratio(self, figure, of):
        ours, theirs = self.median(figure, "wakegate"), self.median(figure, of)
        return ours / theirs if ours is not None and theirs else None

    def met(self, figure, goal):
        """Whether a goal is met; None where what it takes was not measured."""
        value = self.ratio(figure, goal.of) if goal.of else self.median(figure, "wakegate")
        return None if value is None else value <= goal.limit
