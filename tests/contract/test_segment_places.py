"""Segments say where in their file they stand: page, sheet or slide and the headings above (own fields of 3.1, 5.5)."""

from pathlib import Path
from typing import Any

import pytest

from tests.contract.calls import by_line, got
from tests.product import Product

CORPUS = Path(__file__).parents[1] / "data" / "corpus"
GUIDE = "# Guide\n## Install\nalpha steps\n## Use\nbeta runs"


def segments_of(product: Product, dataset_id: str, made: dict[str, Any]) -> list[dict[str, Any]]:
    product.settle()
    path = f"/v1/datasets/{dataset_id}/documents/{made['document']['id']}/segments?limit=100"
    return got(product.api.get(path))["data"]


def headings(*names: str) -> dict[str, Any]:
    return {"kind": "document", "number": None, "title": "", "headings": list(names)}


def test_a_segment_and_its_record_show_the_headings_above_it(product: Product, dataset_id: str) -> None:
    made = product.add_text(dataset_id, "guide", GUIDE, process_rule=by_line())
    assert [segment["place"] for segment in segments_of(product, dataset_id, made)] == [
        headings("Guide"),
        headings("Guide", "Install"),
        headings("Guide", "Install"),
        headings("Guide", "Use"),
        headings("Guide", "Use"),
    ]
    (record,) = product.retrieve(dataset_id, "beta", "keyword_search")
    assert record["segment"]["place"] == headings("Guide", "Use")


def test_plain_text_and_what_people_write_has_no_place(product: Product, dataset_id: str) -> None:
    made = product.add_text(dataset_id, "plain", "alpha", process_rule=by_line())
    (segment,) = segments_of(product, dataset_id, made)
    assert segment["place"] is None
    path = f"/v1/datasets/{dataset_id}/documents/{segment['document_id']}/segments"
    (written,) = got(product.api.post(path, json={"segments": [{"content": "# beta"}]}))["data"]
    assert written["place"] is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("report.pdf", {("page", 1, ""), ("page", 2, "")}),
        ("figures.xlsx", {("sheet", 1, "销量 Units"), ("sheet", 3, "People")}),
        ("slides.pptx", {("slide", 1, "知库介绍 About Zhiku"), ("slide", 2, "数字 Numbers")}),
    ],
)
def test_a_segment_of_a_file_shows_its_page_sheet_or_slide(
    product: Product, dataset_id: str, name: str, expected: set[tuple[str, int, str]]
) -> None:
    made = product.add_file(dataset_id, name, (CORPUS / name).read_bytes())
    places = [segment["place"] for segment in segments_of(product, dataset_id, made)]
    assert {(place["kind"], place["number"], place["title"]) for place in places} == expected


def test_an_update_that_keeps_a_segment_brings_its_place_up_to_date(product: Product, dataset_id: str) -> None:
    made = product.add_text(dataset_id, "guide", GUIDE, process_rule=by_line())
    before = {segment["content"]: segment for segment in segments_of(product, dataset_id, made)}
    path = f"/v1/datasets/{dataset_id}/documents/{made['document']['id']}/update-by-text"
    got(product.api.post(path, json={"name": "guide", "text": GUIDE.replace("## Use", "## Run")}))
    after = {segment["content"]: segment for segment in segments_of(product, dataset_id, made)}
    assert after["beta runs"]["id"] == before["beta runs"]["id"]
    assert after["beta runs"]["place"] == headings("Guide", "Run")
