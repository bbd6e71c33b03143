"""Extraction of each kind of file, through the sandbox and by a bare call of the library that reads it."""

import asyncio
import csv
import io
import statistics
import time
from collections.abc import Callable, Sequence

import psutil
import pypdfium2
import xberg

from bench.corpus import make_segments
from bench.figures import Figure, show
from tests.unit.ingestion.extract.office_files import docx, epub, odt, paragraph, pptx, word_table, xlsx
from tests.unit.ingestion.extract.pdf_files import pdf
from zhiku.ingestion.extract.detect import Kind
from zhiku.ingestion.extract.library import MEDIA_TYPES
from zhiku.ingestion.extract.parts import Limits
from zhiku.ingestion.extract.sandbox import Sandbox

ROUNDS = 5
# The kernel tells a process's time in steps of this.
CLOCK_SECONDS = 0.01
TEXTS, CHAPTER = 2_000, 40
LIMITS = Limits(seconds=300, memory_bytes=2 << 30, output_bytes=64 << 20, cpu_seconds=300)


def measure_extract() -> list[Figure]:
    """Return MB of text for a second of computing for each kind, the median of rounds in turns with the bare library.

    Wall clock would measure what else the machine does: files are read at idle priority.
    """
    texts = [text for document in make_segments(TEXTS, 10, 0) for text in document]
    with Sandbox(LIMITS) as sandbox:
        sandbox.extract(b"warm", "txt")
        return [_measure(sandbox, extension, content) for extension, content in _files(texts).items()]


def _files(texts: Sequence[str]) -> dict[str, bytes]:
    """Return a file of each kind with all the texts."""
    rows: list[list[str | float]] = [["number", "text", "half"]]
    rows += [[number, text, number / 2] for number, text in enumerate(texts)]
    sheet = io.StringIO()
    csv.writer(sheet).writerows(rows)
    blocks = [paragraph(text, "Heading2" if number % 20 == 0 else "") for number, text in enumerate(texts)]
    page = "".join(f"<h2>{number}</h2><p>{text}</p>" for number, text in enumerate(texts))
    return {
        "txt": "\n\n".join(texts).encode("gb18030"),
        "md": "\n\n".join(texts).encode(),
        "csv": sheet.getvalue().encode(),
        "html": f"<html><body>{page}</body></html>".encode(),
        "docx": docx(*blocks, word_table([["a", "b"]] * 500)),
        "odt": odt(*texts),
        "epub": epub([(str(first), "\n".join(texts[first : first + CHAPTER])) for first in range(0, TEXTS, CHAPTER)]),
        "xlsx": xlsx({"all": rows}),
        "pptx": pptx([(str(number), [text]) for number, text in enumerate(texts)][:500]),
        "pdf": pdf(["\n".join(_lines(text)) for text in texts]),
    }


def _lines(text: str) -> list[str]:
    return [text[start : start + 60] for start in range(0, len(text), 60)]


def _measure(sandbox: Sandbox, extension: str, content: bytes) -> Figure:
    size = sum(len(part.text.encode()) for part in sandbox.extract(content, extension).parts) / 1e6
    mine: list[float] = []
    bare: list[float] = []
    for _ in range(ROUNDS):
        before = _server_seconds(sandbox)
        sandbox.extract(content, extension)
        mine.append(_server_seconds(sandbox) - before)
        started = time.process_time()
        BARE.get(extension, _run_library)(content, extension)
        bare.append(max(time.process_time() - started, CLOCK_SECONDS))
    rates = [size / statistics.median(seconds) for seconds in (mine, bare)]
    shown = [f"{show(rate)} MB/s" for rate in rates]
    return Figure(f"{extension}, {show(size)} MB", shown[0], shown[1], show(rates[0] / rates[1]))


def _server_seconds(sandbox: Sandbox) -> float:
    """Return the processor time of the fork server and all children it had."""
    times = psutil.Process(sandbox.server_pid).cpu_times()
    return times.user + times.system + times.children_user + times.children_system


def _run_library(content: bytes, extension: str) -> object:
    given = xberg.ExtractInput(kind="bytes", bytes=content, mime_type=MEDIA_TYPES[Kind(extension)])
    options = xberg.ExtractionConfig(use_cache=False, disable_ocr=True, output_format="markdown")
    return asyncio.run(xberg.extract(given, options))


def _run_pdfium(content: bytes, _: str) -> object:
    with pypdfium2.PdfDocument(content) as document:
        return [document[number].get_textpage().get_text_range() for number in range(len(document))]


def _run_csv(content: bytes, _: str) -> object:
    return list(csv.reader(io.StringIO(content.decode())))


BARE: dict[str, Callable[[bytes, str], object]] = {
    "pdf": _run_pdfium,
    "csv": _run_csv,
    "txt": lambda content, _: content.decode("gb18030"),
    "md": lambda content, _: content.decode(),
}
