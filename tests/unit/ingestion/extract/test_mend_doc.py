"""Older Word files: headings and tables are put back into the words that the library leaves."""

import gzip
import struct
from pathlib import Path

import pytest

from zhiku.ingestion.extract.mend_doc import find_tables, mend_doc, place_headings, place_tables, read_paragraphs
from zhiku.ingestion.extract.ole import chain, read_streams

WORD = gzip.decompress((Path(__file__).parents[3] / "data" / "corpus" / "report.doc.gz").read_bytes())


def test_paragraphs_have_their_styles_and_cells_their_rows() -> None:
    paragraphs = list(read_paragraphs(WORD))
    assert [(each.heading, each.text) for each in paragraphs if each.heading] == [
        (1, "季度报告 Quarterly report"),
        (2, "销售 Sales"),
        (2, "展望 Outlook"),
    ]
    assert list(find_tables(paragraphs)) == [
        [
            ["城市 City", "销量 Units", "备注 Remark"],
            ["北京", "1200", "a | b"],
            ["上海", "950", "first line second line"],
            ["合计 Total", "2150"],
        ]
    ]


def test_lines_that_are_headings_are_marked_whatever_they_were_taken_for() -> None:
    text = "- Title\ntext\n\n- - Part\n\n1. item\n2. Part\nTitle"
    headings = [(1, "Title"), (2, "Missing"), (9, "Part"), (2, "Part")]
    assert place_headings(text, headings) == "# Title\n\ntext\n\n###### Part\n\n1. item\n## Part\n\nTitle"


def test_tables_stand_where_their_words_do_and_nowhere_else() -> None:
    rows = [["a", "b c"], ["1"]]
    assert place_tables("x a b x  a b\n\nc 1 after", [rows, rows]) == (
        "x a b x\n\n| a | b c |\n| --- | --- |\n| 1 |  |\n\nafter"
    )
    assert place_tables("x a b", [rows]) == "x a b"


@pytest.mark.parametrize("size", [0, 40, 512, 600, 2048, len(WORD) - 3000])
def test_a_broken_container_leaves_the_text_as_it_is(size: int) -> None:
    assert mend_doc("- Title", WORD[:size]) in ("- Title", "# Title")
    assert mend_doc("text", WORD[:512] + b"\xff" * size) == "text"


def test_chains_that_lead_back_to_themselves_are_refused() -> None:
    assert chain([1, 2, 0xFFFFFFFE], 0) == [0, 1, 2]
    with pytest.raises(ValueError, match="without end"):
        chain([1, 0], 0)
    looped = bytearray(WORD)
    fat = 512 + struct.unpack_from("<I", WORD, 76)[0] * (1 << WORD[30])
    for sector in range(100):
        struct.pack_into("<I", looped, fat + 4 * sector, 0)
    with pytest.raises((ValueError, struct.error)):
        read_streams(bytes(looped), ("WordDocument",))
    assert mend_doc("text", bytes(looped)) == "text"
