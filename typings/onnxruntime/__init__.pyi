from collections.abc import Mapping, Sequence
from enum import Enum

import numpy as np
from numpy.typing import NDArray

class GraphOptimizationLevel(Enum):
    ORT_DISABLE_ALL = 0

class SessionOptions:
    intra_op_num_threads: int
    inter_op_num_threads: int
    log_severity_level: int
    graph_optimization_level: GraphOptimizationLevel
    enable_cpu_mem_arena: bool
    enable_mem_pattern: bool

class InferenceSession:
    def __init__(self, path: str, options: SessionOptions, *, providers: Sequence[str]) -> None: ...
    def run(
        self, output_names: Sequence[str] | None, input_feed: Mapping[str, NDArray[np.generic]]
    ) -> list[NDArray[np.float32]]: ...
