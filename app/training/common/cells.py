"""Knows which recurrent cells there are, by name.

To add a cell: one class, one line here, and its equations in NumPy in the tests. `Cell` asks for
`step`, and for `step_onnx` to be exported through a Scan; a `NativeCell` has an operator of its own
in torch and in ONNX.
"""

from typing import Final

from app.training.common.cell import Cell
from app.training.common.classic_cells import (
    Gru,
    Jordan,
    LayerNormLstm,
    Lstm,
    PeepholeLstm,
    Rnn,
    WorkingMemoryLstm,
)
from app.training.common.delay_cells import TimeDelay, WaveNet
from app.training.common.linear_cells import IndRnn, MinGru, MinLstm
from app.training.common.matrix_cells import GatedDelta, MatrixLstm
from app.training.common.scalar_lstm import ScalarLstm
from app.training.common.turing_machine import TuringMachine

CELLS: Final[dict[str, type[Cell]]] = {
    "rnn": Rnn,
    "jordan": Jordan,
    "gru": Gru,
    "lstm": Lstm,
    "peephole_lstm": PeepholeLstm,
    "working_memory_lstm": WorkingMemoryLstm,
    "layernorm_lstm": LayerNormLstm,
    "indrnn": IndRnn,
    "mingru": MinGru,
    "minlstm": MinLstm,
    "slstm": ScalarLstm,
    "mlstm": MatrixLstm,
    "gated_delta": GatedDelta,
    "tdnn": TimeDelay,
    "wavenet": WaveNet,
    "ntm": TuringMachine,
}
