"""Functions of two or three numbers, at each place of tensors that broadcast."""

from typing import Annotated, ClassVar, Literal

from netspec.catalogue.dtypes import (
    ANY,
    NOT_COMPLEX,
    REAL,
    TRUTH,
    as_floating,
    require_dtype,
    require_one_dtype,
)
from netspec.catalogue.example import BROADCAST, Shapes
from netspec.catalogue.function import Example, Function
from netspec.catalogue.signature import KEYWORD, Input, NonNegativeFloat
from netspec.elementwise import broadcast, operate, operate_number, require_right, result_type
from netspec.misfit import Misfit
from netspec.tensor import COMPLEX, FLOATING, INTEGER, Shape, Tensor

Operand = Tensor | int | float


def broadcast_all(title: str, *operands: Operand) -> Shape:
    """The shape that the tensors among the operands broadcast to."""
    shape: Shape = ()
    for operand in operands:
        if isinstance(operand, Tensor):
            shape = broadcast(f"apply `{title}` to", shape, operand.shape)
    return shape


class _Operator(Function):
    """The function that an operator calls."""

    shapes: ClassVar[tuple[Shapes, ...]] = BROADCAST

    operator: ClassVar[str]

    input: Input
    other: Input | float

    def apply(self) -> Tensor:
        if isinstance(self.other, Tensor):
            return operate(self.operator, self.input, self.other)
        require_right(self.operator, self.input, self.other)
        return operate_number(self.operator, self.input, self.other)


class Add(_Operator, name="add"):
    """x + y."""

    operator: ClassVar[str] = "+"
    examples = (
        Example("add(x, bias)", "x: float32[N, T, 8], bias: float32[8]", "float32[N, T, 8]"),
        Example("x -> add(1)", "x: int64[N, T]", "int64[N, T]"),
    )


class Sub(_Operator, name="sub"):
    """x - y."""

    operator: ClassVar[str] = "-"
    examples = (
        Example(
            "sub(x, mean)", "x: float32[N, C, H, W], mean: float32[C, 1, 1]", "float32[N, C, H, W]"
        ),
    )


class Mul(_Operator, name="mul"):
    """x * y."""

    operator: ClassVar[str] = "*"
    examples = (
        Example(
            "mul(x, gate)",
            "x: float32[N, C, H, W], gate: float32[N, C, 1, 1]",
            "float32[N, C, H, W]",
        ),
    )


class FloorDivide(_Operator, name="floor_divide"):
    """x // y, rounded down."""

    operator: ClassVar[str] = "//"
    examples = (Example("x -> floor_divide(2)", "x: int64[N]", "int64[N]"),)


class Remainder(_Operator, name="remainder"):
    """x % y, with the sign of y."""

    operator: ClassVar[str] = "%"
    examples = (Example("x -> remainder(7)", "x: int64[N]", "int64[N]"),)


class Eq(_Operator, name="eq"):
    """x == y."""

    operator: ClassVar[str] = "=="
    examples = (Example("tokens -> eq(0)", "tokens: int64[N, T]", "bool[N, T]"),)


class Ne(_Operator, name="ne"):
    """x != y."""

    operator: ClassVar[str] = "!="
    examples = (Example("tokens -> ne(0)", "tokens: int64[N, T]", "bool[N, T]"),)


class Lt(_Operator, name="lt"):
    """x < y."""

    operator: ClassVar[str] = "<"
    examples = (Example("x -> lt(0.5)", "x: float32[N, 8]", "bool[N, 8]"),)


class Le(_Operator, name="le"):
    """x <= y."""

    operator: ClassVar[str] = "<="
    examples = (Example("le(x, limits)", "x: float32[N, 8], limits: float32[8]", "bool[N, 8]"),)


class Gt(_Operator, name="gt"):
    """x > y."""

    operator: ClassVar[str] = ">"
    examples = (Example("x -> gt(0.5)", "x: float32[N, 8]", "bool[N, 8]"),)


class Ge(_Operator, name="ge"):
    """x >= y."""

    operator: ClassVar[str] = ">="
    examples = (Example("ge(rows, columns)", "rows: int64[T, 1], columns: int64[S]", "bool[T, S]"),)


class Div(_Operator, name="div"):
    """x / y, or x // y with `rounding_mode`."""

    operator: ClassVar[str] = "/"
    examples = (
        Example("div(x, y)", "x: int64[N, 8], y: int64[N, 1]", "float32[N, 8]"),
        Example('x -> div(2, rounding_mode="floor")', "x: int64[N, 8]", "int64[N, 8]"),
    )

    rounding_mode: Annotated[Literal["floor", "trunc"] | None, KEYWORD] = None

    def apply(self) -> Tensor:
        if self.rounding_mode is None:
            return super().apply()
        operator = "//"
        if isinstance(self.other, Tensor):
            return operate(operator, self.input, self.other)
        require_right(operator, self.input, self.other)
        return operate_number(operator, self.input, self.other)


class Pow(Function, name="pow"):
    """input ** exponent."""

    shapes: ClassVar[tuple[Shapes, ...]] = BROADCAST
    examples = (
        Example("x -> pow(2)", "x: float32[N, 8]", "float32[N, 8]"),
        Example("pow(x, exponents)", "x: float32[N, 1], exponents: float32[8]", "float32[N, 8]"),
    )

    input: Input
    exponent: Input | float

    def apply(self) -> Tensor:
        if isinstance(self.exponent, Tensor):
            return operate("**", self.input, self.exponent)
        require_right("**", self.input, self.exponent)
        return operate_number("**", self.input, self.exponent)


class _Binary(Function):
    """`dtypes`: those of the two together; `floating`: integers give float32."""

    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[*A], [*B]", "[*broadcast(A, B)]"),)

    dtypes: ClassVar[frozenset[str]] = NOT_COMPLEX
    floating: ClassVar[bool] = False

    input: Input
    other: Input

    def apply(self) -> Tensor:
        dtype = result_type(self.input, self.other)
        for x in (self.input, self.other):
            if dtype not in self.dtypes:
                require_dtype(self.name, x, self.dtypes)
        shape = broadcast(f"apply `{self.name}` to", self.input.shape, self.other.shape)
        return Tensor(shape, self.result(dtype))

    def result(self, dtype: str) -> str:
        """The dtype of the output for the one that the operands have in common."""
        return dtype


class Maximum(_Binary, name="maximum"):
    """The larger of two numbers."""

    examples = (Example("maximum(x, y)", "x: float32[N, 8], y: float32[8]", "float32[N, 8]"),)


class Minimum(_Binary, name="minimum"):
    """The smaller of two numbers."""

    examples = (Example("minimum(x, y)", "x: float32[N, 8], y: float32[8]", "float32[N, 8]"),)


class Fmax(_Binary, name="fmax"):
    """The larger of two numbers; NaN only where both are."""

    examples = (Example("fmax(x, y)", "x: float32[N, 8], y: float32[N, 8]", "float32[N, 8]"),)


class Fmin(_Binary, name="fmin"):
    """The smaller of two numbers; NaN only where both are."""

    examples = (Example("fmin(x, y)", "x: float32[N, 8], y: float32[N, 8]", "float32[N, 8]"),)


class Atan2(_Binary, name="atan2"):
    """The angle of the point (other, input)."""

    examples = (Example("atan2(y, x)", "y: float32[N], x: float32[N]", "float32[N]"),)

    def result(self, dtype: str) -> str:
        return as_floating(dtype)


class Hypot(_Binary, name="hypot"):
    """sqrt(x * x + y * y)."""

    dtypes: ClassVar[frozenset[str]] = FLOATING
    examples = (Example("hypot(x, y)", "x: float32[N], y: float32[N]", "float32[N]"),)


class Logaddexp(_Binary, name="logaddexp"):
    """log(exp(x) + exp(y))."""

    dtypes: ClassVar[frozenset[str]] = FLOATING | COMPLEX
    examples = (Example("logaddexp(x, y)", "x: float32[N, 8], y: float32[N, 8]", "float32[N, 8]"),)


class _Logical(_Binary):
    dtypes: ClassVar[frozenset[str]] = ANY

    def result(self, dtype: str) -> str:
        return "bool"


class LogicalAnd(_Logical, name="logical_and"):
    """Whether both are other than 0."""

    examples = (Example("logical_and(x, y)", "x: bool[N, T, 1], y: bool[T, T]", "bool[N, T, T]"),)


class LogicalOr(_Logical, name="logical_or"):
    """Whether one of both is other than 0."""

    examples = (Example("logical_or(x, y)", "x: bool[N, T], y: bool[N, T]", "bool[N, T]"),)


class LogicalXor(_Logical, name="logical_xor"):
    """Whether exactly one of both is other than 0."""

    examples = (Example("logical_xor(x, y)", "x: bool[N, T], y: bool[N, T]", "bool[N, T]"),)


class _BinaryOrNumber(Function):
    """The second operand may be a number."""

    shapes: ClassVar[tuple[Shapes, ...]] = BROADCAST

    dtypes: ClassVar[frozenset[str]] = NOT_COMPLEX

    input: Input
    other: Input | float

    def apply(self) -> Tensor:
        dtype = result_type(self.input, self.other)
        if dtype not in self.dtypes:
            for x in (self.input, self.other):
                if isinstance(x, Tensor):
                    require_dtype(self.name, x, self.dtypes)
            raise Misfit(
                f"`{self.name}` has no meaning for {dtype}, found {self.input} and {self.other}",
                label=f"together they are {dtype}",
                help="bring both to one dtype: `-> to(float32)` or `-> to(int64)`",
            )
        return Tensor(broadcast_all(self.name, self.input, self.other), self.result(dtype))

    def result(self, dtype: str) -> str:
        """The dtype of the output for the one that the operands have in common."""
        return dtype


class Fmod(_BinaryOrNumber, name="fmod"):
    """The remainder of x / y, with the sign of x."""

    dtypes: ClassVar[frozenset[str]] = REAL
    examples = (Example("x -> fmod(1.0)", "x: float32[N, 8]", "float32[N, 8]"),)

    def apply(self) -> Tensor:
        if not isinstance(self.other, Tensor):
            require_right("%", self.input, self.other)
        return super().apply()


class Xlogy(_BinaryOrNumber, name="xlogy"):
    """x * log(y), 0 where x is 0."""

    examples = (Example("xlogy(p, q)", "p: float32[N, 8], q: float32[N, 8]", "float32[N, 8]"),)

    def result(self, dtype: str) -> str:
        return as_floating(dtype)


class BitwiseAnd(_BinaryOrNumber, name="bitwise_and"):
    """The bits that both have; of truth values, whether both are true."""

    dtypes: ClassVar[frozenset[str]] = INTEGER | TRUTH
    examples = (Example("x -> bitwise_and(7)", "x: int64[N]", "int64[N]"),)


class BitwiseOr(_BinaryOrNumber, name="bitwise_or"):
    """The bits that one of both has; of truth values, whether one of both is true."""

    dtypes: ClassVar[frozenset[str]] = INTEGER | TRUTH
    examples = (Example("bitwise_or(x, y)", "x: bool[N, T], y: bool[T]", "bool[N, T]"),)


class BitwiseXor(_BinaryOrNumber, name="bitwise_xor"):
    """The bits that exactly one of both has."""

    dtypes: ClassVar[frozenset[str]] = INTEGER | TRUTH
    examples = (Example("bitwise_xor(x, y)", "x: int64[N], y: int64[N]", "int64[N]"),)


class Isclose(Function, name="isclose"):
    """Whether |x - y| is at most atol + rtol * |y|."""

    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[*A], [*B]", "[*broadcast(A, B)]"),)
    examples = (
        Example("isclose(x, y, atol=0.01)", "x: float32[N, 8], y: float32[N, 8]", "bool[N, 8]"),
    )

    input: Input
    other: Input
    rtol: NonNegativeFloat = 1e-05
    atol: NonNegativeFloat = 1e-08
    equal_nan: bool = False

    def apply(self) -> Tensor:
        require_one_dtype("isclose", (self.input, self.other))
        return Tensor(broadcast_all("isclose", self.input, self.other), "bool")
