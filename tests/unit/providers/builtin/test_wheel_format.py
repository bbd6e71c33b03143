"""The wheel's model file is read as its format says."""

from pathlib import Path

import numpy as np
import pytest

from zhiku.providers.builtin.wheel_format import (
    WheelModel,
    WheelUnreadable,
    find_model_file,
    read_wheel_model,
    split_blocks,
)


@pytest.fixture(scope="module")
def model() -> WheelModel:
    """The installed wheel's model."""
    return read_wheel_model(find_model_file())


def test_a_block_holds_its_scale_and_then_low_and_high_halves() -> None:
    block = np.array([0x00, 0x38, *[0xA0 | number for number in range(16)]], np.uint8)
    scales, values = split_blocks(block[np.newaxis])
    assert scales.tolist() == [[0.5]]
    assert values.tolist() == [[*range(16), *[0xA] * 16]]


def test_the_shape_is_that_of_multilingual_e5_small(model: WheelModel) -> None:
    shape = model.shape
    assert (shape.hidden, shape.layers, shape.heads, shape.feed_forward) == (384, 12, 12, 1536)
    assert (shape.vocabulary, shape.positions) == (250037, 512)
    assert shape.epsilon == pytest.approx(1e-12)


def test_token_ids_are_those_of_xlm_roberta(model: WheelModel) -> None:
    vocabulary = model.vocabulary
    assert vocabulary.pieces[:7] == ["<s>", "<pad>", "</s>", "<unk>", ",", ".", "▁"]
    assert (vocabulary.start, vocabulary.end, vocabulary.unknown) == (0, 2, 3)
    assert vocabulary.pieces[-1] == "<mask>"
    assert len(vocabulary.pieces) == len(vocabulary.scores) == 250002


def test_full_width_letters_become_plain_ones(model: WheelModel) -> None:
    table = model.normalization
    place = table.sources.tolist().index(ord("Ａ"))
    assert table.targets[table.offsets[place] : table.offsets[place + 1]].tolist() == [ord("A")]


def test_a_matrix_is_dequantised_row_by_row(model: WheelModel) -> None:
    scales, values = model.blocks("l0.q.w")
    matrix = model.matrix("l0.q.w", 384)
    assert matrix.shape == (384, 384)
    assert matrix[1, 33] == (float(values[13, 1]) - 8) * scales[13, 0]


@pytest.mark.parametrize("keep_bytes", [0, 3, 40, 60, 100_000, 4_600_000])
def test_a_cut_file_is_unreadable(tmp_path: Path, keep_bytes: int) -> None:
    cut = tmp_path / "cut.bin"
    cut.write_bytes(find_model_file().read_bytes()[:keep_bytes])
    with pytest.raises(WheelUnreadable):
        read_wheel_model(cut)


def test_another_format_is_unreadable(tmp_path: Path) -> None:
    other = tmp_path / "other.bin"
    other.write_bytes(b"GGUF" + bytes(1000))
    with pytest.raises(WheelUnreadable, match=r"other\.bin is not in the expected format"):
        read_wheel_model(other)
