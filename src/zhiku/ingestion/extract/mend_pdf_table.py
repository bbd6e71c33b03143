"""Tables of a PDF page found by the lines that are drawn around their cells (pure: it knows lines, not files)."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

# In points. A border is drawn as one line, as a thin rectangle or as four sides of each cell, which nearly meet.
THICK = 3.0
TOUCH = 3.0
SHORTEST = 4.0
# A page with more is a drawing or a plan.
MOST_RULES = 1000
MOST_CELLS = 2000

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Rule:
    """A straight line across or down the page: `at` is its y or x, and it goes from `start` to `end`."""

    at: float
    start: float
    end: float

    def covers(self, place: float) -> bool:
        """Whether it passes that place."""
        return self.start - TOUCH <= place <= self.end + TOUCH


@dataclass(frozen=True, slots=True)
class Grid:
    """The rules of one table: its rows lie between `ys` (from the top), its columns between `xs` (from the left)."""

    xs: Sequence[float]
    ys: Sequence[float]
    across: Sequence[Rule]
    down: Sequence[Rule]

    @property
    def box(self) -> Box:
        """Left, bottom, right, top."""
        return self.xs[0], self.ys[-1], self.xs[-1], self.ys[0]

    def rows(self, read: Callable[[Box], str]) -> list[list[str]]:
        """The texts of the cells; one that spans several stands in the first of them. `read` gives a box's text."""
        texts = [[""] * (len(self.xs) - 1) for _ in self.ys[1:]]
        taken: set[tuple[int, int]] = set()
        for row in range(len(self.ys) - 1):
            for column in range(len(self.xs) - 1):
                if (row, column) in taken:
                    continue
                last_row, last_column = self.span(row, column)
                taken |= {(r, c) for r in range(row, last_row + 1) for c in range(column, last_column + 1)}
                box = (self.xs[column], self.ys[last_row + 1], self.xs[last_column + 1], self.ys[row])
                texts[row][column] = " ".join(read(box).split())
        return [row for row in texts if any(row)]

    def span(self, row: int, column: int) -> tuple[int, int]:
        """The last row and column of the cell that begins there: it ends where a rule is drawn."""
        middle_y = (self.ys[row] + self.ys[row + 1]) / 2
        last_column = column
        while last_column + 2 < len(self.xs) and not is_drawn(self.down, self.xs[last_column + 1], middle_y):
            last_column += 1
        middle_x = (self.xs[column] + self.xs[column + 1]) / 2
        last_row = row
        while last_row + 2 < len(self.ys) and not is_drawn(self.across, self.ys[last_row + 1], middle_x):
            last_row += 1
        return last_row, last_column


def is_drawn(rules: Iterable[Rule], at: float, place: float) -> bool:
    """Whether a rule at this line passes the place."""
    return any(abs(rule.at - at) <= THICK and rule.covers(place) for rule in rules)


def find_grids(segments: Sequence[Box]) -> list[Grid]:
    """The tables that the drawn straight lines (x, y, x, y) make, from the top; each has two rows and columns."""
    across = join_rules(Rule(y0, min(x0, x1), max(x0, x1)) for x0, y0, x1, y1 in segments if is_flat(y0, y1))
    down = join_rules(Rule(x0, min(y0, y1), max(y0, y1)) for x0, y0, x1, y1 in segments if is_flat(x0, x1))
    if len(across) + len(down) > MOST_RULES:
        return []
    grids = [make_grid(rows, columns) for rows, columns in group_rules(across, down)]
    return sorted((grid for grid in grids if grid is not None), key=lambda grid: -grid.ys[0])


def is_flat(first: float, second: float) -> bool:
    """Whether both ends of a line are on one level."""
    return abs(first - second) <= 1


def join_rules(rules: Iterable[Rule]) -> list[Rule]:
    """The rules with those made one that are drawn in pieces or next to each other; dots and dashes alone go."""
    joined: list[Rule] = []
    for rule in sorted(rules, key=lambda rule: (round(rule.at / THICK), rule.start)):
        last = joined[-1] if joined else None
        if last is not None and abs(last.at - rule.at) <= THICK and rule.start <= last.end + TOUCH:
            joined[-1] = Rule(last.at, last.start, max(last.end, rule.end))
        else:
            joined.append(rule)
    return [rule for rule in joined if rule.end - rule.start >= SHORTEST]


def group_rules(across: Sequence[Rule], down: Sequence[Rule]) -> list[tuple[list[Rule], list[Rule]]]:
    """The rules that hang together, as one group of both directions for each table."""
    groups: list[tuple[list[Rule], list[Rule]]] = []
    left = list(down)
    waiting = list(across)
    while waiting:
        rows, columns = [waiting.pop()], list[Rule]()
        seen = 0
        while seen < len(rows):
            row, seen = rows[seen], seen + 1
            met = {rule for rule in left if row.covers(rule.at) and rule.covers(row.at)}
            left = [rule for rule in left if rule not in met]
            columns += met
            hung = {rule for rule in waiting if any(rule.covers(each.at) and each.covers(rule.at) for each in met)}
            waiting = [rule for rule in waiting if rule not in hung]
            rows += hung
        groups.append((rows, columns))
    return groups


def make_grid(across: list[Rule], down: list[Rule]) -> Grid | None:
    """The table of a group, None if it has no two rows and columns, or far too many."""
    xs, ys = levels(down), levels(across)[::-1]
    if len(xs) < 3 or len(ys) < 3 or (len(xs) - 1) * (len(ys) - 1) > MOST_CELLS:
        return None
    return Grid(xs, ys, across, down)


def levels(rules: Iterable[Rule]) -> list[float]:
    """The different places of the rules, from the lowest."""
    found: list[float] = []
    for at in sorted(rule.at for rule in rules):
        if not found or at - found[-1] > THICK:
            found.append(at)
    return found
