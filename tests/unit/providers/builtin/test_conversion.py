"""The model is converted once, wholly or not at all, whoever asks and whatever was left behind."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from zhiku.errors import ModelCallFailed
from zhiku.providers.base import Vectors
from zhiku.providers.builtin import BuiltinEmbedder
from zhiku.providers.builtin.conversion import MANIFEST_FILE, Conversion, find_conversion, folder_name
from zhiku.providers.builtin.convert import LOCK_FILE, PARTIAL, ConversionFailed, choose_variant, convert
from zhiku.providers.builtin.graph import Precision

PATIENCE_SECONDS = 60


def start_conversion(models_dir: Path) -> "subprocess.Popen[str]":
    """Start what the embedder starts."""
    command = [sys.executable, "-m", "zhiku.providers.builtin.convert", str(models_dir)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def own_copy(conversion: Conversion, tmp_path: Path) -> Path:
    """A models directory with a copy of the conversion, to spoil."""
    shutil.copytree(conversion.folder, tmp_path / conversion.folder.name)
    return tmp_path


def test_the_check_against_the_reference_chose_a_graph(conversion: Conversion) -> None:
    assert conversion.variant in {"int8", "int4"}
    assert conversion.folder.name == folder_name()


def test_what_another_process_converted_is_found(models_dir: Path, conversion: Conversion) -> None:
    found = find_conversion(models_dir)
    assert found is not None
    assert found.variant == conversion.variant
    assert BuiltinEmbedder(models_dir).is_ready


def test_an_empty_directory_is_not_ready(tmp_path: Path) -> None:
    assert not BuiltinEmbedder(tmp_path).is_ready
    assert not BuiltinEmbedder(tmp_path / "missing").is_ready


def test_a_finished_conversion_is_not_made_again(own_copy: Path) -> None:
    before = sorted((path.name, path.stat().st_mtime_ns) for path in (own_copy / folder_name()).iterdir())
    convert(own_copy)
    after = sorted((path.name, path.stat().st_mtime_ns) for path in (own_copy / folder_name()).iterdir())
    assert after == before


@pytest.mark.parametrize("name", [MANIFEST_FILE, "transformer.onnx.data", "fingerprints.npy"])
def test_a_cut_file_makes_the_conversion_unfinished(own_copy: Path, name: str) -> None:
    path = own_copy / folder_name() / name
    os.truncate(path, path.stat().st_size // 2)
    assert find_conversion(own_copy) is None


def test_another_wheel_makes_the_conversion_unfinished(own_copy: Path) -> None:
    manifest = own_copy / folder_name() / MANIFEST_FILE
    content = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(content | {"wheel_bytes": content["wheel_bytes"] + 1}))
    assert find_conversion(own_copy) is None


def test_a_conversion_killed_half_way_is_redone_by_two_that_ask_at_once(tmp_path: Path) -> None:
    partial = tmp_path / (folder_name() + PARTIAL)
    victim = start_conversion(tmp_path)
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not (partial.is_dir() and any(partial.iterdir())):
        assert victim.poll() is None, "the conversion ended before it could be killed"
        assert time.monotonic() < give_up
        time.sleep(0.001)
    victim.kill()
    victim.communicate()
    assert partial.is_dir()
    assert find_conversion(tmp_path) is None
    (partial / "left behind").write_text("by the killed one")

    both = [start_conversion(tmp_path) for _ in range(2)]
    assert [process.communicate()[1] for process in both] == ["", ""]
    assert [process.returncode for process in both] == [0, 0]
    assert {path.name for path in tmp_path.iterdir()} == {folder_name(), LOCK_FILE}
    assert find_conversion(tmp_path) is not None
    assert not (tmp_path / folder_name() / "left behind").exists()


def vectors_at(cosine: float) -> Vectors:
    """Return one vector that has this cosine to (1, 0)."""
    return np.array([[cosine, (1 - cosine**2) ** 0.5]], np.float32)


@pytest.mark.parametrize(
    ("eight_bit", "four_bit", "chosen"),
    [
        (vectors_at(0.995), None, "int8"),
        (vectors_at(0.98), vectors_at(0.9999), "int4"),
        (None, vectors_at(0.9999), "int4"),
        (np.full((1, 2), np.nan, np.float32), vectors_at(0.9), "wheel"),
        (None, None, "wheel"),
    ],
)
def test_the_fastest_variant_that_agrees_with_the_reference_is_taken(
    eight_bit: Vectors | None, four_bit: Vectors | None, chosen: str
) -> None:
    given = {Precision.EIGHT_BIT: eight_bit, Precision.FOUR_BIT: four_bit}
    assert choose_variant(vectors_at(1), given.__getitem__) == chosen


def test_without_the_wheels_engine_the_exact_graph_is_the_reference() -> None:
    fine = {Precision.EIGHT_BIT: vectors_at(0.995), Precision.FOUR_BIT: vectors_at(1)}
    assert choose_variant(None, fine.__getitem__) == "int8"
    saturated = fine | {Precision.EIGHT_BIT: vectors_at(0.5)}
    assert choose_variant(None, saturated.__getitem__) == "int4"


def test_a_machine_on_which_nothing_runs_is_told_so() -> None:
    with pytest.raises(ConversionFailed, match="Neither onnxruntime nor the engine"):
        choose_variant(None, lambda precision: None)


def test_a_directory_that_cannot_be_written_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file where the directory should be")
    embedder = BuiltinEmbedder(tmp_path / "models")
    with pytest.raises(ModelCallFailed, match=r"could not be prepared: .*models"):
        embedder.embed_query("text")
    assert not embedder.is_ready
