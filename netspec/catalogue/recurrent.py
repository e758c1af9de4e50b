"""Recurrent layers over whole sequences, and their cells for one step."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Le

from netspec.catalogue.example import Shapes
from netspec.catalogue.layer import (
    Example,
    Layer,
    Misfit,
    number_of,
    require_rank,
    require_same_dtype,
    require_shape,
)
from netspec.catalogue.signature import (
    InferredInt,
    NonNegativeInt,
    PositiveInt,
    Probability,
)
from netspec.compare import at_least, same
from netspec.dim import Dim, product, total
from netspec.tensor import Shape, Tensor, Type, write_shape

_SEQUENCES: tuple[Shapes, ...] = (
    Shapes(
        "[T, N, F]",
        "([T, N, D * hidden_size], [D * num_layers, N, hidden_size])",
        "D = 1 + bidirectional",
    ),
    Shapes(
        "[N, T, F]",
        "([N, T, D * hidden_size], [D * num_layers, N, hidden_size])",
        "D = 1 + bidirectional; batch_first=True",
    ),
    Shapes(
        "[T, F]", "([T, D * hidden_size], [D * num_layers, hidden_size])", "D = 1 + bidirectional"
    ),
)


# Each layer of a stack has parameters of its own, which the check lists.
Depth = Annotated[int, Ge(1), Le(1000)]
# The layers with `flatten_parameters`, which keep their weights in a list as well.
RECURRENT = frozenset({"RNN", "GRU", "LSTM"})
_SEQUENCE = "[T, N, F], [N, T, F] with batch_first=True, or one sequence, [T, F]"


class _Recurrent(Layer):
    stateless: ClassVar[bool] = False
    dtypes: ClassVar[frozenset[str]] = frozenset({"float32"})
    may_take: ClassVar[tuple[str, ...]] = ("hx",)
    gates: ClassVar[int] = 1

    def infer(self, x: Tensor, hx: Type | None = None) -> Mapping[str, Dim]:
        require_rank(self, x, (2, 3), _SEQUENCE)
        return {"input_size": x.shape[-1]}

    def output(self, x: Tensor, hx: Tensor | None = None) -> Type:
        layer: Any = self
        state = self._state(x, layer.hidden_size)
        if hx is not None:
            self._require_state("hx", x, hx, state)
        return self._sequence(x, layer.hidden_size), Tensor(state, x.dtype)

    def _directions(self) -> int:
        layer: Any = self
        return 2 if layer.bidirectional else 1

    def _sequence(self, x: Tensor, size: Dim) -> Tensor:
        return Tensor((*x.shape[:-1], product((self._directions(), size))), x.dtype)

    def _state(self, x: Tensor, size: Dim) -> Shape:
        layer: Any = self
        layers = product((self._directions(), layer.num_layers))
        if x.rank == 2:
            return layers, size
        return layers, x.shape[0 if layer.batch_first else 1], size

    def _require_state(self, name: str, x: Tensor, state: Tensor, wanted: Shape) -> None:
        layer: Any = self
        require_same_dtype(self, name, state, x.dtype)
        batch = "" if x.rank == 2 else ", the batch"
        swapped = x.rank == 3 and not layer.batch_first and same(state.shape[-2], x.shape[0])
        require_shape(
            self,
            name,
            state,
            wanted,
            f"batch_first is False, so [N, T, F] is written with batch_first=True: "
            f"the batch is {wanted[1]} here"
            if swapped
            else f"its dimensions are layers times directions{batch}, and the size of the state",
        )

    def parameters(self) -> Mapping[str, Shape]:
        layer: Any = self
        shapes: dict[str, Shape] = {}
        width = product((self.gates, layer.hidden_size))
        projected = getattr(layer, "proj_size", 0)
        hidden = projected if number_of(projected) else layer.hidden_size
        for depth in range(number_of(layer.num_layers)):
            given = layer.input_size if depth == 0 else product((self._directions(), hidden))
            for direction in ("", "_reverse")[: self._directions()]:
                shapes[f"weight_ih_l{depth}{direction}"] = (width, given)
                shapes[f"weight_hh_l{depth}{direction}"] = (width, hidden)
                if layer.bias:
                    shapes[f"bias_ih_l{depth}{direction}"] = (width,)
                    shapes[f"bias_hh_l{depth}{direction}"] = (width,)
                if number_of(projected):
                    shapes[f"weight_hr_l{depth}{direction}"] = (projected, layer.hidden_size)
        return shapes

    def macs(self, x: Tensor, y: Type, *rest: Any) -> Dim:
        weights = [product(shape) for shape in self.parameters().values() if len(shape) == 2]
        return product((*x.shape[:-1], total(weights)))


class RNN(_Recurrent):
    """Recurrent net: every step of the last layer, and the last step of every layer.

    h' = tanh(W x + b + V h + c), or relu; the state `hx` starts at zeros where it is left out.
    """

    shapes: ClassVar[tuple[Shapes, ...]] = _SEQUENCES
    examples: ClassVar[tuple[Example, ...]] = (
        Example("RNN(32)", "float32[T, N, 8]", "(float32[T, N, 32], float32[1, N, 32])"),
    )

    input_size: InferredInt
    hidden_size: PositiveInt
    num_layers: Depth = 1
    nonlinearity: Literal["tanh", "relu"] = "tanh"
    bias: bool = True
    batch_first: bool = False
    dropout: Probability = 0.0
    bidirectional: bool = False


class GRU(_Recurrent):
    """Gated recurrent net: every step of the last layer, and the last step of every layer.

    Gated recurrent units (Cho et al., 2014); `hx` starts at zeros where it is left out.
    """

    gates: ClassVar[int] = 3
    shapes: ClassVar[tuple[Shapes, ...]] = _SEQUENCES
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "GRU(32, batch_first=True)",
            "float32[N, T, 8]",
            "(float32[N, T, 32], float32[1, N, 32])",
        ),
        Example(
            "GRU(32, num_layers=2, bidirectional=True)",
            "float32[T, N, 8]",
            "(float32[T, N, 64], float32[4, N, 32])",
        ),
    )

    input_size: InferredInt
    hidden_size: PositiveInt
    num_layers: Depth = 1
    bias: bool = True
    batch_first: bool = False
    dropout: Probability = 0.0
    bidirectional: bool = False


class LSTM(_Recurrent):
    """Every step of the last layer, and the states of all layers after the last: `(y, (h, c))`.

    Long short-term memory (Hochreiter and Schmidhuber, 1997); `hx`, the pair (h, c), starts at
    zeros where it is left out.
    """

    gates: ClassVar[int] = 4
    pairs: ClassVar[frozenset[str]] = frozenset({"hx"})
    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes(
            "[T, N, F]",
            "([T, N, D * H], ([D * num_layers, N, H], [D * num_layers, N, hidden_size]))",
            "D = 1 + bidirectional; H = proj_size or hidden_size",
        ),
        Shapes(
            "[N, T, F]",
            "([N, T, D * H], ([D * num_layers, N, H], [D * num_layers, N, hidden_size]))",
            "D = 1 + bidirectional; H = proj_size or hidden_size; batch_first=True",
        ),
        Shapes(
            "[T, F]",
            "([T, D * H], ([D * num_layers, H], [D * num_layers, hidden_size]))",
            "D = 1 + bidirectional; H = proj_size or hidden_size",
        ),
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "LSTM(64)",
            "float32[T, N, 8]",
            "(float32[T, N, 64], (float32[1, N, 64], float32[1, N, 64]))",
        ),
        Example(
            "LSTM(64, batch_first=True, proj_size=16)",
            "float32[N, T, 8]",
            "(float32[N, T, 16], (float32[1, N, 16], float32[1, N, 64]))",
        ),
    )

    input_size: InferredInt
    hidden_size: PositiveInt
    num_layers: Depth = 1
    bias: bool = True
    batch_first: bool = False
    dropout: Probability = 0.0
    bidirectional: bool = False
    proj_size: NonNegativeInt = 0

    def output(self, x: Tensor, hx: Any = None) -> Type:
        if at_least(self.proj_size, self.hidden_size):
            raise Misfit(
                f"proj_size={self.proj_size} must be smaller than hidden_size={self.hidden_size}",
                label="it projects the state to fewer numbers",
                help="leave `proj_size` out for no projection, or use a smaller one",
                argument="proj_size",
            )
        size = self.proj_size if number_of(self.proj_size) else self.hidden_size
        short, long = self._state(x, size), self._state(x, self.hidden_size)
        if hx is not None:
            for state, wanted in zip(hx, (short, long), strict=True):
                self._require_state("hx", x, _tensor(self, state), wanted)
        states = Tensor(short, x.dtype), Tensor(long, x.dtype)
        return self._sequence(x, size), states


def _tensor(layer: Layer, state: Type) -> Tensor:
    if isinstance(state, Tensor):
        return state
    raise Misfit(
        f"`hx` of `{type(layer).__name__}` must be a pair of tensors (h, c)",
        label=f"one of them is a tuple of {len(state)}",
        argument="hx",
    )


class _Cell(Layer):
    stateless: ClassVar[bool] = False
    dtypes: ClassVar[frozenset[str]] = frozenset({"float32"})
    optional: ClassVar[frozenset[str]] = frozenset({"bias_ih", "bias_hh"})
    may_take: ClassVar[tuple[str, ...]] = ("hx",)
    gates: ClassVar[int] = 1

    def infer(self, x: Tensor, hx: Type | None = None) -> Mapping[str, Dim]:
        require_rank(self, x, (1, 2), "one step, [N, F] or [F]")
        return {"input_size": x.shape[-1]}

    def output(self, x: Tensor, hx: Tensor | None = None) -> Type:
        state = self._state(x)
        if hx is not None:
            self._require_state(x, hx)
        return state

    def _state(self, x: Tensor) -> Tensor:
        layer: Any = self
        return Tensor((*x.shape[:-1], layer.hidden_size), x.dtype)

    def _require_state(self, x: Tensor, hx: Tensor) -> None:
        require_same_dtype(self, "hx", hx, x.dtype)
        wanted = self._state(x).shape
        why = f"the input {write_shape(x.shape)} has that state: `hidden_size` numbers for each row"
        require_shape(self, "hx", hx, wanted, why)

    def parameters(self) -> Mapping[str, Shape]:
        layer: Any = self
        width = product((self.gates, layer.hidden_size))
        shapes: dict[str, Shape] = {
            "weight_ih": (width, layer.input_size),
            "weight_hh": (width, layer.hidden_size),
        }
        return shapes | ({"bias_ih": (width,), "bias_hh": (width,)} if layer.bias else {})

    def macs(self, x: Tensor, y: Type, *rest: Any) -> Dim:
        weights = [product(shape) for shape in self.parameters().values() if len(shape) == 2]
        return product((*x.shape[:-1], total(weights)))


class RNNCell(_Cell):
    """One step: the input and the state `[N, hidden_size]` to the next state.

    h' = tanh(W x + b + V h + c), or relu; `hx` is zeros where it is left out.
    """

    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[N, F]", "[N, hidden_size]"),
        Shapes("[F]", "[hidden_size]"),
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example("RNNCell(32)", "float32[N, 8]", "float32[N, 32]"),
    )

    input_size: InferredInt
    hidden_size: PositiveInt
    bias: bool = True
    nonlinearity: Literal["tanh", "relu"] = "tanh"


class GRUCell(_Cell):
    """One step: the input and the state `[N, hidden_size]` to the next state.

    `hx` is zeros where it is left out.
    """

    gates: ClassVar[int] = 3
    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[N, F]", "[N, hidden_size]"),
        Shapes("[F]", "[hidden_size]"),
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example("GRUCell(32)", "float32[N, 8]", "float32[N, 32]"),
    )

    input_size: InferredInt
    hidden_size: PositiveInt
    bias: bool = True


class LSTMCell(_Cell):
    """One step: the input and the states `([N, hidden_size], [N, hidden_size])` to the next states.

    `hx`, the pair (h, c), is zeros where it is left out.
    """

    gates: ClassVar[int] = 4
    pairs: ClassVar[frozenset[str]] = frozenset({"hx"})
    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[N, F]", "([N, hidden_size], [N, hidden_size])"),
        Shapes("[F]", "([hidden_size], [hidden_size])"),
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example("LSTMCell(32)", "float32[N, 8]", "(float32[N, 32], float32[N, 32])"),
    )

    input_size: InferredInt
    hidden_size: PositiveInt
    bias: bool = True

    def output(self, x: Tensor, hx: Any = None) -> Type:
        for state in hx or ():
            self._require_state(x, _tensor(self, state))
        return self._state(x), self._state(x)
