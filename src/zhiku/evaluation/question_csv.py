"""Question sets as CSV: one answer a row, the rows of one question anywhere (pure)."""

import csv
import io
from collections.abc import Iterator, Sequence

from zhiku.errors import InvalidParam
from zhiku.evaluation.schemas import (
    MAX_ANSWERS,
    MAX_ANSWERS_IN_SET,
    MAX_QUESTIONS,
    WantedAnswer,
    WantedQuestion,
)
from zhiku.http.schema import parse

COLUMNS = {
    "question": "query",
    "query": "query",
    "document": "document",
    "segment": "segment",
    "segment_id": "segment_id",
    "position": "position",
    "grade": "grade",
    "问题": "query",
    "文档": "document",
    "分段": "segment",
    "位置": "position",
    "相关度": "grade",
}
DELIMITERS = ",;\t"
ENCODINGS = ("utf-8-sig", "gb18030")


def read_questions(content: bytes) -> tuple[list[WantedQuestion], list[list[str]]]:
    """Return the questions of a CSV file, and for each of their answers where it stands in the file.

    The first row names the columns. Raises InvalidParam that names the row.
    """
    answers: dict[str, list[WantedAnswer]] = {}
    places: dict[str, list[str]] = {}
    for total, (number, row) in enumerate(_rows(_decode(content)), 1):
        place = f"file: row {number}"
        query = row.pop("query", "")
        answer = _checked(place, WantedQuestion, {"query": query, "answers": [row]}).answers[0]
        answers.setdefault(query, []).append(answer)
        places.setdefault(query, []).append(place)
        if len(answers) > MAX_QUESTIONS or len(answers[query]) > MAX_ANSWERS or total > MAX_ANSWERS_IN_SET:
            raise _refused(
                f"{place}: a set has at most {MAX_QUESTIONS} questions with {MAX_ANSWERS} answers each, "
                f"{MAX_ANSWERS_IN_SET} in all"
            )
    if not answers:
        raise _refused("file: holds no question; the first row names the columns, each other one holds an answer")
    return [WantedQuestion(query=query, answers=its) for query, its in answers.items()], list(places.values())


def _decode(content: bytes) -> str:
    for encoding in ENCODINGS:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise _refused("file: is no text in UTF-8 or GB18030")


def _rows(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the number of each row that holds something, from 1 for the columns' names, and its cells by column."""
    first = text.lstrip().partition("\n")[0]
    delimiter = max(DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    names: Sequence[str | None] | None = None
    try:
        for number, cells in enumerate(reader, 1):
            if not any(cell.strip() for cell in cells):
                continue
            if names is None:
                names = _names(cells)
                continue
            pairs = zip(names, cells, strict=False)
            yield number, {name: cell.strip() for name, cell in pairs if name is not None and cell.strip()}
    except csv.Error as error:
        raise _refused(f"file: is no CSV: {error}") from error


def _names(cells: Sequence[str]) -> list[str | None]:
    names = [COLUMNS.get(cell.strip().lower()) for cell in cells]
    if "query" not in names or not {"document", "segment_id"} & set(names):
        raise _refused("file: the first row must name the columns, among them `question` and `document`")
    return names


def _checked(place: str, model: type[WantedQuestion], raw: object) -> WantedQuestion:
    try:
        return parse(model, raw)
    except InvalidParam as error:
        message = str(error).replace("answers.0.", "").replace("answers.0:", "document:").replace("query:", "question:")
        raise _refused(f"{place}: {message}") from error


def _refused(message: str) -> InvalidParam:
    return InvalidParam(message, params="file")
