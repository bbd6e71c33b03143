"""Tables of a page are found by the lines around their cells."""

import time

from zhiku.ingestion.extract.mend_pdf_table import Box, Grid, find_grids
from zhiku.ingestion.extract.mend_table import table_markdown


def frame(left: float, bottom: float, right: float, top: float) -> list[Box]:
    """The four sides of a rectangle."""
    return [
        (left, bottom, right, bottom),
        (left, top, right, top),
        (left, bottom, left, top),
        (right, bottom, right, top),
    ]


def cells(columns: int, rows: int, *, left: float = 50, top: float = 700) -> list[Box]:
    """Each cell of a table drawn by itself, 100 points wide and 20 high, a hair apart from the next."""
    return [
        side
        for column in range(columns)
        for row in range(rows)
        for side in frame(
            left + 100 * column, top - 20 * (row + 1) + 0.5, left + 100 * (column + 1) - 0.5, top - 20 * row
        )
    ]


def shape(grid: Grid) -> tuple[int, int]:
    return len(grid.ys) - 1, len(grid.xs) - 1


def named(box: Box) -> str:
    """The box as its column and row in a table of 100 by 20 points, both counted from 1."""
    return f"c{round((box[0] - 50) / 100) + 1}r{round((700 - box[3]) / 20) + 1}"


def test_cells_drawn_one_by_one_are_one_table() -> None:
    (grid,) = find_grids(cells(3, 2))
    assert shape(grid) == (2, 3)
    assert grid.rows(named) == [["c1r1", "c2r1", "c3r1"], ["c1r2", "c2r2", "c3r2"]]


def test_thick_borders_drawn_as_rectangles_are_one_line() -> None:
    sides = cells(2, 2)
    thick = [frame(min(x0, x1), min(y0, y1), max(x0, x1) + 1.5, max(y0, y1) + 1.5) for x0, y0, x1, y1 in sides]
    (grid,) = find_grids([line for each in thick for line in each])
    assert shape(grid) == (2, 2)


def test_a_cell_over_several_columns_or_rows_stands_in_the_first() -> None:
    across = [(50.0, y, 350.0, y) for y in (700.0, 680.0, 660.0, 640.0)]
    down = [(50.0, 640.0, 50.0, 700.0), (350.0, 640.0, 350.0, 700.0), (250.0, 640.0, 250.0, 700.0)]
    # The second line down leaves out the first row: a heading over two columns.
    (grid,) = find_grids([*across, *down, (150.0, 640.0, 150.0, 680.0)])
    assert grid.rows(named) == [["c1r1", "", "c3r1"], ["c1r2", "c2r2", "c3r2"], ["c1r3", "c2r3", "c3r3"]]
    # The second line across leaves out the first column: a heading beside two rows.
    (grid,) = find_grids(
        [*cells(2, 3)[:0], *[line for line in across if line[1] != 680.0], *down, (150, 680, 350, 680)]
    )
    assert grid.rows(named)[0] == ["c1r1", "c3r1"]


def test_two_tables_of_a_page_are_two() -> None:
    grids = find_grids([*cells(2, 2, top=300), *cells(3, 2)])
    assert [shape(grid) for grid in grids] == [(2, 3), (2, 2)]


def test_frames_underlines_and_single_rows_are_no_tables() -> None:
    assert find_grids([]) == []
    assert find_grids([*frame(10, 10, 500, 800), (50, 500, 120, 500), (50, 400, 300, 400)]) == []
    assert find_grids(cells(4, 1)) == []
    assert find_grids([(0, 0, 100, 57), (3, 9, 400, 2)]) == []


def test_a_drawing_of_many_lines_is_given_up_in_time() -> None:
    started = time.process_time()
    assert find_grids([(float(n % 97), 0.0, float(n % 97), float(n)) for n in range(20_000)]) == []
    assert find_grids(cells(60, 60)) == []
    # No exact figure, only that it is nothing that grows with the square of it.
    assert time.process_time() - started < 20


def test_bars_in_cells_are_written_so_that_they_stay_in_them() -> None:
    assert table_markdown([["a", "b|c"], ["", "2"]]) == "| a | b\\|c |\n| --- | --- |\n|  | 2 |"
