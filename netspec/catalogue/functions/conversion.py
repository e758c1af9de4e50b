"""Methods that change the dtype, and those that leave shape and dtype alone."""

from typing import ClassVar

from netspec.catalogue.example import UNCHANGED, Shapes
from netspec.catalogue.function import Example, Method
from netspec.catalogue.signature import Input
from netspec.tensor import DType, Tensor


class To(Method, name="to"):
    """The same numbers in another dtype: `x -> to(float32)`."""

    shapes: ClassVar[tuple[Shapes, ...]] = UNCHANGED
    examples = (Example("x -> to(float32)", "x: uint8[N, 3, H, W]", "float32[N, 3, H, W]"),)

    input: Input
    dtype: DType

    def apply(self) -> Tensor:
        return Tensor(self.input.shape, str(self.dtype))


class TypeAs(Method, name="type_as"):
    """The same numbers in the dtype of another tensor."""

    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[*A], [*B]", "[*A]"),)
    examples = (Example("x -> type_as(y)", "x: int64[N], y: float32[N, 8]", "float32[N]"),)

    input: Input
    other: Input

    def apply(self) -> Tensor:
        return Tensor(self.input.shape, self.other.dtype)


class _Cast(Method):
    shapes: ClassVar[tuple[Shapes, ...]] = UNCHANGED
    dtype: ClassVar[str]

    input: Input

    def apply(self) -> Tensor:
        return Tensor(self.input.shape, self.dtype)


class Float(_Cast, name="float"):
    """The numbers as float32."""

    dtype: ClassVar[str] = "float32"
    examples = (Example("x -> float", "x: bool[N, T]", "float32[N, T]"),)


class Double(_Cast, name="double"):
    """The numbers as float64."""

    dtype: ClassVar[str] = "float64"
    examples = (Example("x -> double", "x: float32[N, 8]", "float64[N, 8]"),)


class Half(_Cast, name="half"):
    """The numbers as float16."""

    dtype: ClassVar[str] = "float16"
    examples = (Example("x -> half", "x: float32[N, 8]", "float16[N, 8]"),)


class Bfloat16(_Cast, name="bfloat16"):
    """The numbers as bfloat16."""

    dtype: ClassVar[str] = "bfloat16"
    examples = (Example("x -> bfloat16", "x: float32[N, 8]", "bfloat16[N, 8]"),)


class Int(_Cast, name="int"):
    """The numbers as int32, cut off at the decimal point."""

    dtype: ClassVar[str] = "int32"
    examples = (Example("x -> int", "x: float32[N, 8]", "int32[N, 8]"),)


class Long(_Cast, name="long"):
    """The numbers as int64, cut off at the decimal point."""

    dtype: ClassVar[str] = "int64"
    examples = (Example("x -> long", "x: float32[N, 8]", "int64[N, 8]"),)


class Bool(_Cast, name="bool"):
    """Whether each number is other than 0."""

    dtype: ClassVar[str] = "bool"
    examples = (Example("x -> bool", "x: int64[N, T]", "bool[N, T]"),)


class _Same(Method):
    shapes: ClassVar[tuple[Shapes, ...]] = UNCHANGED
    input: Input

    def apply(self) -> Tensor:
        return self.input


class Detach(_Same, name="detach"):
    """The same numbers, cut off from the gradient."""

    examples = (Example("x -> detach", "x: float32[N, 8]", "float32[N, 8]"),)


class Contiguous(_Same, name="contiguous"):
    """The same numbers in the order of the shape."""

    examples = (
        Example("x -> transpose(1, 2) -> contiguous", "x: float32[N, T, 8]", "float32[N, 8, T]"),
    )


class Clone(_Same, name="clone"):
    """A copy."""

    examples = (Example("x -> clone", "x: float32[N, 8]", "float32[N, 8]"),)
