"""The bare server's data: one Edge shard that holds the texts too, configured as Zhiku's."""

import sys
from collections.abc import Sequence
from pathlib import Path

from qdrant_edge import EdgeShard, Point, SparseVector, UpdateOperation

from bench.corpus import is_chinese, make_segment
from bench.embedder import DIMENSION, HashedEmbedder
from zhiku.indexes.base import Shard, Terms
from zhiku.indexes.edge_points import DENSE, GRAPH_FROM, TERMS, load_config, make_config
from zhiku.indexes.lexical import term_weights
from zhiku.text.words import terms_of

AVERAGE_LENGTH = 100.0
BATCH = 256
SHARD = Shard("bare", 1, DIMENSION, AVERAGE_LENGTH)


def make_texts(first: int, texts: Sequence[str], embedder: HashedEmbedder) -> list[Point]:
    """Return texts as points, numbered from `first` on."""
    many = [Terms(*terms_of(text)) for text in texts]
    weights = term_weights(many, AVERAGE_LENGTH)
    return [
        Point(
            number,
            {
                DENSE: embedder.embed_query(text).tolist(),
                TERMS: SparseVector(terms.hashes.tolist(), own_weights),
            },
            {"text": text},
        )
        for number, (text, terms, own_weights) in enumerate(zip(texts, many, weights, strict=True), first)
    ]


def open_shard(folder: Path) -> EdgeShard:
    """Return the shard in `folder`, made if there is none."""
    if folder.is_dir():
        return EdgeShard.load(str(folder), load_config(SHARD))
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir()
    return EdgeShard.create(str(folder), make_config(SHARD, has_graph=False))


def build(folder: Path, count: int, per_document: int) -> None:
    """Fill a new shard with the first `count` segments of the corpus, and optimise it."""
    folder.mkdir(parents=True)
    engine = EdgeShard.create(str(folder), make_config(SHARD, has_graph=count >= GRAPH_FROM))
    embedder = HashedEmbedder()
    for first in range(0, count, BATCH):
        numbers = range(first, min(first + BATCH, count))
        texts = [make_segment(number, is_chinese=is_chinese(number, per_document)) for number in numbers]
        engine.update(UpdateOperation.upsert_points(make_texts(first + 1, texts, embedder)))
    engine.optimize()
    engine.flush()
    engine.close()


if __name__ == "__main__":
    build(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
