"""Functions that bound numbers, choose between them, or mix them, where tensors broadcast."""

from typing import Annotated, ClassVar

from netspec.catalogue.dtypes import (
    NOT_COMPLEX,
    NUMBERS,
    REAL,
    TRUTH,
    require_dtype,
    require_one_dtype,
)
from netspec.catalogue.example import Shapes
from netspec.catalogue.function import Example, Function
from netspec.catalogue.functions.arithmetic import broadcast_all
from netspec.catalogue.signature import KEYWORD, Input
from netspec.elementwise import result_type
from netspec.misfit import Misfit
from netspec.tensor import COMPLEX, FLOATING, INTEGER, Tensor


class Clamp(Function, name="clamp"):
    """x, not below min, not above max."""

    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[*]", "[*]", "`min` and `max` are numbers"),
        Shapes("[*A], [*B]", "[*broadcast(A, B)]"),
        Shapes("[*A], [*B], [*C]", "[*broadcast(A, B, C)]"),
    )
    examples = (
        Example("x -> clamp(0.0, 1.0)", "x: float32[N, 3, H, W]", "float32[N, 3, H, W]"),
        Example("x -> clamp(min=0)", "x: int64[N]", "int64[N]"),
    )

    input: Input
    min: Input | float | None = None
    max: Input | float | None = None

    def apply(self) -> Tensor:
        bounds = [bound for bound in (self.min, self.max) if bound is not None]
        if not bounds:
            raise Misfit(
                "`clamp` needs `min` or `max`",
                label="no bound given",
                help="write `clamp(min=0)`, say",
            )
        if len({isinstance(bound, Tensor) for bound in bounds}) > 1:
            raise Misfit(
                "`min` and `max` of `clamp` are two numbers or two tensors",
                label="one of each",
                help="clamp twice: `-> clamp(min=…) -> clamp(max=…)`",
            )
        dtype = result_type(self.input, *bounds)
        if dtype == "bool" and len(bounds) > 1:
            require_dtype("clamp", self.input, REAL)
        if dtype in COMPLEX:
            for x in (self.input, *(bound for bound in bounds if isinstance(bound, Tensor))):
                require_dtype("clamp", x, NOT_COMPLEX)
        return Tensor(broadcast_all("clamp", self.input, *bounds), dtype)


class Where(Function, name="where"):
    """input where the condition holds, other elsewhere."""

    placed: ClassVar[bool] = True
    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[*A], [*B], [*C]", "[*broadcast(A, B, C)]"),
        Shapes("[*A], [*B]", "[*broadcast(A, B)]", "one is a number"),
        Shapes("[*]", "[*]", "two are numbers"),
    )
    examples = (
        Example(
            "where(mask, x, 0.0)", "mask: bool[N, T, 1], x: float32[N, T, 8]", "float32[N, T, 8]"
        ),
    )

    condition: Input
    input: Input | float
    other: Input | float

    def apply(self) -> Tensor:
        require_dtype(
            "where", self.condition, TRUTH, "condition", "compare it with something: `ne(0)`, say"
        )
        shape = broadcast_all("where", self.condition, self.input, self.other)
        return Tensor(shape, result_type(self.input, self.other))


class Lerp(Function, name="lerp"):
    """input + weight * (end - input)."""

    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[*A], [*B]", "[*broadcast(A, B)]", "`weight` is a number"),
        Shapes("[*A], [*B], [*C]", "[*broadcast(A, B, C)]"),
    )
    examples = (Example("lerp(x, y, 0.5)", "x: float32[N, 8], y: float32[N, 8]", "float32[N, 8]"),)

    input: Input
    end: Input
    weight: Input | float

    def apply(self) -> Tensor:
        tensors = [self.input, self.end]
        if isinstance(self.weight, Tensor) and self.weight.shape:
            tensors.append(self.weight)
        require_one_dtype("lerp", tensors)
        dtype = result_type(self.input, self.end, self.weight)
        if isinstance(self.weight, float | int) or dtype not in FLOATING | COMPLEX:
            require_dtype("lerp", self.input, FLOATING | COMPLEX)
        return Tensor(broadcast_all("lerp", self.input, self.end, self.weight), dtype)


class _AddProduct(Function):
    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[*A], [*B], [*C]", "[*broadcast(A, B, C)]"),)
    input: Input
    tensor1: Input
    tensor2: Input
    value: Annotated[float, KEYWORD] = 1

    def apply(self) -> Tensor:
        tensors = (self.input, self.tensor1, self.tensor2)
        dtype = result_type(*tensors)
        if dtype == "bool":
            require_dtype(self.name, self.input, NUMBERS)
        if dtype in INTEGER and isinstance(self.value, float):
            raise Misfit(
                f"`value` of `{self.name}` must be a whole number where all tensors hold integers",
                label=f"found {self.value}",
                help="turn one into floating point first: `-> to(float32)`",
                argument="value",
            )
        return Tensor(broadcast_all(self.name, *tensors), dtype)


class Addcmul(_AddProduct, name="addcmul"):
    """input + value * tensor1 * tensor2."""

    examples = (
        Example(
            "addcmul(x, a, b, value=0.5)",
            "x: float32[N, 8], a: float32[N, 1], b: float32[8]",
            "float32[N, 8]",
        ),
    )


class Addcdiv(_AddProduct, name="addcdiv"):
    """input + value * tensor1 / tensor2."""

    examples = (
        Example(
            "addcdiv(x, a, b)",
            "x: float32[N, 8], a: float32[N, 8], b: float32[N, 1]",
            "float32[N, 8]",
        ),
    )

    def apply(self) -> Tensor:
        if not {self.tensor1.dtype, self.tensor2.dtype} & (FLOATING | COMPLEX):
            require_dtype("addcdiv", self.tensor1, FLOATING | COMPLEX, "tensor1")
        return super().apply()
