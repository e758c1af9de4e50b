"""Linear layers."""

from collections.abc import Mapping
from typing import Any, ClassVar

from netspec.catalogue.layer import Example, Layer, Misfit
from netspec.catalogue.signature import InferredInt, PositiveInt
from netspec.dim import Dim, product
from netspec.tensor import Shape, Tensor


class Linear(Layer):
    """y = x Wᵀ + b over the last dimension: `[*, in_features]` to `[*, out_features]`."""

    stateless: ClassVar[bool] = False
    dtypes: ClassVar[frozenset[str]] = frozenset({"float32"})
    examples: ClassVar[tuple[Example, ...]] = (
        Example("Linear(120)", "float32[N, 400]", "float32[N, 120]"),
        Example("Linear(8, bias=False)", "float32[N, T, 16]", "float32[N, T, 8]"),
    )

    in_features: InferredInt
    out_features: PositiveInt
    bias: bool = True

    def infer(self, x: Tensor) -> Mapping[str, Dim]:
        if not x.shape:
            raise Misfit("`Linear` needs at least one dimension, found []")
        return {"in_features": x.shape[-1]}

    def output(self, x: Tensor) -> Tensor:
        return Tensor((*x.shape[:-1], self.out_features), x.dtype)

    def parameters(self) -> Mapping[str, Shape]:
        weight: dict[str, Shape] = {"weight": (self.out_features, self.in_features)}
        return weight | ({"bias": (self.out_features,)} if self.bias else {})

    def macs(self, x: Tensor, y: Tensor, *rest: Any) -> Dim:
        return product((*y.shape, self.in_features))
