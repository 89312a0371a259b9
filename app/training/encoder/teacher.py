"""A pretrained image network to learn from. Knows how to ask it; not what is learned from it.

The network is a TFLite file (MobileNetV2, quantised to uint8, 224 x 224 pixels in, 1,001 classes of
ImageNet out). Of its inside three places are read: the narrow map before the last convolution,
the pooled vector, and the logits.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

SIZE: Final = 224  # pixels a side
GRID: Final = 7
MAP_CHANNELS: Final = 320
POOLED_CHANNELS: Final = 1280
CLASSES: Final = 1001

_MAP: Final = "MobilenetV2/expanded_conv_16/project/add_fold"
_POOLED: Final = "MobilenetV2/Logits/AvgPool"
_LOGITS: Final = "MobilenetV2/Logits/Squeeze"
_WEIGHTS: Final = "MobilenetV2/Logits/Conv2d_1c_1x1/weights_quant/FakeQuantWithMinMaxVars"
_BIAS: Final = "MobilenetV2/Logits/Conv2d_1c_1x1/Conv2D_bias"

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Scale:
    """How a quantised array is read: value = scale * (byte - zero)."""

    scale: float
    zero: int

    def read(self, values: npt.NDArray[Any]) -> Floats:
        return np.float32(self.scale) * (values.astype(np.float32) - np.float32(self.zero))


class Teacher:
    """Shows images to the network, on one thread; needs the package `ai-edge-litert`."""

    def __init__(self, path: Path) -> None:
        """Open the TFLite file.

        Raises:
            ValueError: it is not the network described above.
        """
        # Needed by whoever trains an encoder of their own, and by nobody else.
        import flatbuffers
        from ai_edge_litert import schema_py_generated as schema
        from ai_edge_litert.interpreter import Interpreter

        content = path.read_bytes()
        model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(content, 0))
        [graph] = model.subgraphs
        tensors = {tensor.name.decode(): place for place, tensor in enumerate(graph.tensors)}
        missing = {_MAP, _POOLED, _LOGITS, _WEIGHTS, _BIAS} - tensors.keys()
        if missing:
            raise ValueError(f"{path.name} has no tensor {', '.join(sorted(missing))}")
        # The interpreter keeps what is an output, and fuses what is not.
        graph.outputs = [tensors[name] for name in (_MAP, _POOLED, _LOGITS)]
        builder = flatbuffers.Builder(len(content))
        builder.Finish(model.Pack(builder), b"TFL3")
        self._interpreter = Interpreter(model_content=bytes(builder.Output()), num_threads=1)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        outputs = {each["name"]: each for each in self._interpreter.get_output_details()}
        self._outputs = [outputs[name]["index"] for name in (_MAP, _POOLED, _LOGITS)]
        self.map_scale, self.pooled_scale, self.logits_scale = (
            Scale(*outputs[name]["quantization"]) for name in (_MAP, _POOLED, _LOGITS)
        )

        def constant(name: str) -> npt.NDArray[Any]:
            tensor = graph.tensors[tensors[name]]
            kind = np.uint8 if name == _WEIGHTS else np.int32
            values = np.asarray(model.buffers[tensor.buffer].data, np.uint8).view(kind)
            quantization = tensor.quantization
            scale = Scale(float(quantization.scale[0]), int(quantization.zeroPoint[0]))
            return scale.read(values.reshape(tensor.shape))

        # The classifier on the pooled vector: (classes, pooled) and (classes,).
        self.weights: Floats = constant(_WEIGHTS).reshape(CLASSES, POOLED_CHANNELS)
        self.bias: Floats = constant(_BIAS)

    def look(self, image: Bytes) -> tuple[Bytes, Bytes, Bytes]:
        """What the network makes of an image (224, 224, 3).

        Returns the map (7, 7, 320), the pooled vector (1280,) and the logits (1001,) as bytes, to
        be read by `map_scale`, `pooled_scale` and `logits_scale`.
        """
        self._interpreter.set_tensor(self._input, image[None])
        self._interpreter.invoke()
        feature_map, pooled, logits = map(self._interpreter.get_tensor, self._outputs)
        return feature_map[0], pooled.reshape(-1), logits.reshape(-1)
