"""How two lists become one comparison."""

from hypothesis import given
from hypothesis import strategies as st

from zhiku.documents.version_content import VersionSegment, digest_text, pack_segments, unpack_segments
from zhiku.documents.version_diff import compare_lists

LISTS = st.lists(st.integers(0, 4), max_size=12)


@given(before=LISTS, after=LISTS)
def test_a_comparison_holds_both_lists_in_their_order(before: list[int], after: list[int]) -> None:
    found = compare_lists(before, after)
    assert [each.before for each in found if each.before is not None] == list(range(len(before)))
    assert [each.after for each in found if each.after is not None] == list(range(len(after)))
    for each in found:
        assert each.kind == ("removed" if each.after is None else "added" if each.before is None else "unchanged")
        if each.before is not None and each.after is not None:
            assert before[each.before] == after[each.after]


@given(LISTS)
def test_equal_lists_are_unchanged(items: list[int]) -> None:
    assert {each.kind for each in compare_lists(items, items)} <= {"unchanged"}


def test_as_much_stays_as_can_stand_in_order() -> None:
    found = compare_lists("abcdef", "fabcde")
    assert [each.kind for each in found] == ["added", *["unchanged"] * 5, "removed"]


def test_what_was_removed_stands_before_what_came_in_its_place() -> None:
    found = compare_lists("axc", "ayc")
    assert [(each.kind, each.before, each.after) for each in found] == [
        ("unchanged", 0, 0),
        ("removed", 1, None),
        ("added", None, 1),
        ("unchanged", 2, 2),
    ]


def test_no_answer_is_not_an_empty_one() -> None:
    assert len({digest_text("a", None), digest_text("a", ""), digest_text("", "a"), digest_text("a", "a")}) == 4


def test_packed_segments_come_back_as_they_were() -> None:
    segment = VersionSegment(
        id="1",
        position=1,
        content="知库 \U0001f419",
        answer="",
        word_count=4,
        tokens=3,
        keywords_json="[]",
        keyword_hashes=b"\0\xff",
        index_node_id="2",
        hit_count=7,
        is_manual=True,
        is_enabled=False,
        disabled_at=1.5,
        disabled_by="3",
        created_by="4",
        created_at=1.0,
        updated_by="5",
        updated_at=2.0,
        place_json=None,
        children=[],
    )
    assert unpack_segments(pack_segments([segment])) == [segment]
