"""The type rules of operators on tensors: broadcasting and dtype promotion as torch has them."""

from netspec.catalogue.signature import LARGEST
from netspec.compare import agree, at_least, same
from netspec.dim import Dim, Expression
from netspec.misfit import Misfit
from netspec.tensor import COMPLEX, FLOATING, INTEGER, Shape, Tensor, write_shape

COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
Operand = Tensor | int | float | Expression

_VERBS = {
    "+": "add",
    "-": "subtract",
    "*": "multiply",
    "/": "divide",
    "//": "divide",
    "%": "take the remainder of",
    "**": "raise",
}
_ORDER = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64")


def operate(operator: str, left: Tensor, right: Tensor) -> Tensor:
    """The type of `left operator right`, comparisons included.

    Raises:
        Misfit: where the shapes do not broadcast, or the dtypes have no such operator.
    """
    if operator == "@":
        return multiply_matrices(left, right, "@")
    dtype = _result_dtype(operator, left, right)
    verb = "compare" if operator in COMPARISONS else _VERBS[operator]
    return Tensor(broadcast(verb, left.shape, right.shape), dtype)


def operate_number(operator: str, tensor: Tensor, number: int | float | Expression) -> Tensor:
    """The type of an operator between a tensor and a build-time number, on either side."""
    if operator == "@":
        raise Misfit(
            "`@` multiplies matrices, found a number",
            label="one side is a number",
            help="use `*` to scale a tensor",
        )
    if isinstance(number, int) and abs(number) > LARGEST:
        raise Misfit(
            f"the number is too large: {number}",
            label="torch counts to 2**63",
            help="write it with a decimal point",
        )
    return Tensor(tensor.shape, _result_dtype(operator, tensor, number))


def require_right(operator: str, x: Tensor, number: int | float | Expression) -> None:
    """Refuse what integers are not divided by, nor raised to; floating point numbers are.

    Raises:
        Misfit: where torch would raise when data flows.
    """
    if isinstance(number, float) or result_type(x, number) not in INTEGER | {"bool"}:
        return
    if operator in ("//", "%") and same(number, 0):
        raise Misfit(
            f"`{operator}` would divide integers by 0",
            label=f"found {x.dtype} and 0",
            help="divide by another number, or turn the tensor into floating point: "
            "`-> to(float32)`",
        )
    if operator == "**" and at_least(number, 0) is False:
        raise Misfit(
            f"`**` would raise integers to the negative number {number}",
            label=f"found {x.dtype}, and the result would have fractions",
            help="turn the tensor into floating point: `-> to(float32)`",
        )


def operate_unary(operator: str, x: Tensor) -> Tensor:
    """The type of `-x` or `+x`."""
    if x.dtype == "bool":
        raise Misfit(
            f"truth values have no `{operator}`",
            label=f"found {x}",
            help="turn them around with `logical_not`, or into numbers first: `-> to(int64)`",
        )
    return x


def broadcast(verb: str, left: Shape, right: Shape) -> Shape:
    """The shape that two shapes broadcast to.

    Raises:
        Misfit: naming the first dimension, counted from the left one's front, that differs.
    """
    rank = max(len(left), len(right))
    a: Shape = (1,) * (rank - len(left)) + left
    b: Shape = (1,) * (rank - len(right)) + right
    out: list[Dim] = []
    for axis, (x, y) in enumerate(zip(a, b, strict=True)):
        # Two sizes that only data decides and that are written differently may differ.
        if agree(x, y):
            out.append(y if x == 1 else x)
        elif same(x, 1):
            out.append(y)
        elif same(y, 1):
            out.append(x)
        else:
            raise _differing(verb, left, right, axis, list(zip(a, b, strict=True)))
    return tuple(out)


def _differing(
    verb: str, left: Shape, right: Shape, axis: int, sizes: list[tuple[Dim, Dim]]
) -> Misfit:
    x, y = sizes[axis]
    known = same(x, y) is False
    what = "channels" if axis == 1 and len(left) == len(right) > 2 else f"size in dimension {axis}"
    return Misfit(
        f"cannot {verb} tensors of shape {write_shape(left)} and {write_shape(right)}",
        label=f"dimension {axis} differs: {x} and {y}"
        if known
        else f"dimension {axis}: {x} and {y} are not known to be equal",
        help=f"give both the same number of {what}"
        if what == "channels"
        else f"give both the same {what}",
        equal=[pair for pair in sizes if 1 not in pair],
    )


def promote(left: str, right: str) -> str:
    """The dtype of a result of two tensors of these dtypes, as `torch.promote_types` has it."""
    if left == right:
        return left
    pair = {left, right}
    if pair & COMPLEX:
        wide = "complex128" in pair or "float64" in pair
        return "complex128" if wide else "complex64"
    if "bfloat16" in pair:
        other = (pair - {"bfloat16"}).pop()
        return {"float16": "float32", "float32": "float32", "float64": "float64"}.get(
            other, "bfloat16"
        )
    if "uint8" in pair and pair & {"int8", "int16", "int32", "int64"}:
        return (pair - {"uint8", "int8"} or {"int16"}).pop()
    return max(left, right, key=_ORDER.index)


def result_type(*operands: Operand) -> str:
    """The dtype of an elementwise result, as `torch.result_type` has it.

    A tensor without dimensions, and a number even more so, gives way to a tensor with some, unless
    it is of a higher kind: truth values, integers, floating point, complex numbers.
    """
    ranked: list[str | None] = [None, None, None]  # of tensors, of those without dimensions, …
    for operand in operands:
        if isinstance(operand, Tensor):
            place, dtype = (0 if operand.shape else 1), operand.dtype
        else:
            place, dtype = 2, _dtype_of_number(operand)
        known = ranked[place]
        ranked[place] = dtype if known is None else promote(known, dtype)
    tensors, scalars, numbers = ranked
    return _prefer(tensors, _prefer(scalars, numbers)) or "float32"


def _dtype_of_number(number: int | float | Expression) -> str:
    if isinstance(number, bool):
        return "bool"
    return "float32" if isinstance(number, float) else "int64"


def _prefer(first: str | None, second: str | None) -> str | None:
    """`first`, unless `second` is of a higher kind."""
    if first is None or second is None:
        return first or second
    if first in COMPLEX:
        return first
    if first in FLOATING:
        if second not in COMPLEX:
            return first
        if first == "float16":
            raise Misfit(
                f"float16 and a single {second} number make complex32, which few functions take",
                label=f"found float16 and {second}",
                help="use float32 instead: `-> to(float32)`",
            )
        return "complex128" if first == "float64" else "complex64"
    return promote(first, second) if first == "bool" or second in FLOATING | COMPLEX else first


def _result_dtype(operator: str, left: Operand, right: Operand) -> str:
    dtype = result_type(left, right)
    found = {_kind(left), _kind(right)}
    if operator in ("<", "<=", ">", ">=") and dtype in COMPLEX:
        raise Misfit(
            "complex numbers have no order",
            label=f"found {dtype}",
            help="compare their absolute values: `abs`",
        )
    if operator in COMPARISONS:
        return "bool"
    if operator == "-" and "bool" in found:
        raise Misfit(
            "truth values cannot be subtracted",
            label=f"found {_write(left)} and {_write(right)}",
            help="turn them into numbers first: `-> to(int64)`",
        )
    if operator == "/" and dtype not in FLOATING | COMPLEX:
        return "float32"
    if operator in ("//", "%", "**") and dtype == "bool":
        raise Misfit(
            f"`{operator}` is not defined for truth values",
            label="found bool",
            help="turn them into numbers first: `-> to(int64)`",
        )
    if operator in ("//", "%") and dtype in COMPLEX:
        raise Misfit(
            f"`{operator}` is not defined for complex numbers",
            label=f"found {dtype}",
            help="use `/`",
        )
    return dtype


def _kind(operand: Operand) -> str:
    return operand.dtype if isinstance(operand, Tensor) else _dtype_of_number(operand)


def _write(operand: Operand) -> str:
    return operand.dtype if isinstance(operand, Tensor) else str(operand)


def multiply_matrices(left: Tensor, right: Tensor, title: str) -> Tensor:
    """The type of `left @ right`: matrices, stacks of them, or vectors, as `torch.matmul` has it.

    A vector on the left is a row, one on the right a column; the result lacks that dimension.
    """
    if not left.shape or not right.shape:
        raise Misfit(
            f"`{title}` multiplies matrices, found {write_shape(left.shape)} and "
            f"{write_shape(right.shape)}",
            label="a single number is no matrix",
            help="use `*` to scale a tensor",
        )
    require_product(title, left, right)
    rows = left.shape if left.rank > 1 else (1, *left.shape)
    columns = right.shape if right.rank > 1 else (*right.shape, 1)
    if not agree(rows[-1], columns[-2]):
        unknown = "" if same(rows[-1], columns[-2]) is False else ", not known to be equal"
        raise Misfit(
            f"cannot multiply matrices of shape {write_shape(left.shape)} and "
            f"{write_shape(right.shape)}",
            label=f"{rows[-1]} columns on the left, {columns[-2]} rows on the right{unknown}",
            help="transpose one of them, or change its size",
            equal=[(rows[-1], columns[-2])],
        )
    batch = broadcast("multiply", rows[:-2], columns[:-2])
    out = (rows[-2],) * (left.rank > 1) + (columns[-1],) * (right.rank > 1)
    return Tensor((*batch, *out), left.dtype)


def require_product(title: str, left: Tensor, right: Tensor) -> None:
    """Refuse dtypes that no matrix product takes: two different ones, or truth values."""
    if left.dtype != right.dtype:
        raise Misfit(
            f"`{title}` wants one dtype, found {left.dtype} and {right.dtype}",
            label="dtypes differ",
            help=f"turn one into the other's: `-> to({promote(left.dtype, right.dtype)})`",
        )
    if left.dtype == "bool":
        raise Misfit(
            f"`{title}` is not defined for truth values",
            label="found bool",
            help="turn them into numbers first: `-> to(float32)`",
        )
