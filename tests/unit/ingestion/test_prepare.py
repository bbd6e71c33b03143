"""Parts of a file become pieces that know where they stand."""

from zhiku.documents.rules import ProcessRule, Segmentation, automatic_rule
from zhiku.ingestion.extract.parts import Part, PartKind
from zhiku.ingestion.prepare import cut_parts
from zhiku.segments.place import Place

BY_LINE = ProcessRule("custom", (), Segmentation("\n", 100, 0))


def test_a_piece_knows_its_page_and_the_headings_above_it_on_that_page() -> None:
    parts = [Part("# One\ntext", 1, PartKind.PAGE), Part("more", 3, PartKind.PAGE)]
    assert [(piece.content, piece.place) for piece in cut_parts(parts, BY_LINE, "text_model")] == [
        ("# One", Place("page", 1, "", ("One",))),
        ("text", Place("page", 1, "", ("One",))),
        ("more", Place("page", 3)),
    ]


def test_a_sheet_gives_its_name() -> None:
    (piece,) = cut_parts([Part('"a":"1"', 2, PartKind.SHEET, "Budget")], BY_LINE, "text_model")
    assert piece.place == Place("sheet", 2, "Budget")


def test_text_without_headings_stands_nowhere() -> None:
    assert [piece.place for piece in cut_parts([Part("one\ntwo")], automatic_rule(), "text_model")] == [None]


def test_questions_stand_where_their_text_does() -> None:
    page = Part("Q: one?\nA: two", 4, PartKind.PAGE)
    assert [piece.place for piece in cut_parts([page], BY_LINE, "qa_model")] == [Place("page", 4)]
    page = Part("# One\nA sentence. Another.", 4, PartKind.PAGE)
    assert cut_parts([page], BY_LINE, "qa_model")[-1].place == Place("page", 4, "", ("One",))


def test_a_whole_document_as_one_piece_has_no_place() -> None:
    rule = ProcessRule("hierarchical", (), Segmentation("\n", 100, 0), "full-doc", Segmentation("\n", 50, 0))
    parts = [Part("# One", 1, PartKind.PAGE), Part("two", 2, PartKind.PAGE)]
    assert [(piece.content, piece.place) for piece in cut_parts(parts, rule, "hierarchical_model")] == [
        ("# One\ntwo", None)
    ]
