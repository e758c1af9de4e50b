"""Methods that change the dtype, and those that leave shape and dtype alone."""

from typing import ClassVar

from netspec.catalogue.function import Method
from netspec.catalogue.signature import Input
from netspec.tensor import DType, Tensor


class To(Method, name="to"):
    """The same numbers in another dtype: `x -> to(float32)`."""

    input: Input
    dtype: DType

    def apply(self) -> Tensor:
        return Tensor(self.input.shape, str(self.dtype))


class TypeAs(Method, name="type_as"):
    """The same numbers in the dtype of another tensor."""

    input: Input
    other: Input

    def apply(self) -> Tensor:
        return Tensor(self.input.shape, self.other.dtype)


class _Cast(Method):
    dtype: ClassVar[str]

    input: Input

    def apply(self) -> Tensor:
        return Tensor(self.input.shape, self.dtype)


class Float(_Cast, name="float"):
    """The numbers as float32."""

    dtype: ClassVar[str] = "float32"


class Double(_Cast, name="double"):
    """The numbers as float64."""

    dtype: ClassVar[str] = "float64"


class Half(_Cast, name="half"):
    """The numbers as float16."""

    dtype: ClassVar[str] = "float16"


class Bfloat16(_Cast, name="bfloat16"):
    """The numbers as bfloat16."""

    dtype: ClassVar[str] = "bfloat16"


class Int(_Cast, name="int"):
    """The numbers as int32, cut off at the decimal point."""

    dtype: ClassVar[str] = "int32"


class Long(_Cast, name="long"):
    """The numbers as int64, cut off at the decimal point."""

    dtype: ClassVar[str] = "int64"


class Bool(_Cast, name="bool"):
    """Whether each number is other than 0."""

    dtype: ClassVar[str] = "bool"


class _Same(Method):
    input: Input

    def apply(self) -> Tensor:
        return self.input


class Detach(_Same, name="detach"):
    """The same numbers, cut off from the gradient."""


class Contiguous(_Same, name="contiguous"):
    """The same numbers in the order of the shape."""


class Clone(_Same, name="clone"):
    """A copy."""
