"""The type rules of operators on tensors: broadcasting and dtype promotion as torch has them."""

from netspec.catalogue.layer import Misfit
from netspec.catalogue.signature import LARGEST
from netspec.dim import Dim, same
from netspec.tensor import COMPLEX, FLOATING, Shape, Tensor, write_shape

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
    """The type of `left operator right`.

    Raises:
        Misfit: where the shapes do not broadcast, or the dtypes have no such operator.
    """
    if operator == "@":
        return _multiply_matrices(left, right)
    if operator == "-" and "bool" in (left.dtype, right.dtype):
        raise Misfit(
            "truth values cannot be subtracted",
            label=f"{left.dtype} and {right.dtype}",
            help="turn them into numbers first",
        )
    shape = broadcast(_VERBS[operator], left.shape, right.shape)
    return Tensor(shape, _result_dtype(operator, promote(left.dtype, right.dtype)))


def operate_number(operator: str, tensor: Tensor, number: object) -> Tensor:
    """The type of an operator between a tensor and a build-time number, on either side."""
    if operator == "@":
        raise Misfit(
            "`@` multiplies matrices, found a number",
            label="one side is a number",
            help="use `*` to scale a tensor",
        )
    dtype = tensor.dtype
    if isinstance(number, int) and abs(number) > LARGEST:
        raise Misfit(
            f"the number is too large: {number}",
            label="torch counts to 2**63",
            help="write it with a decimal point",
        )
    if isinstance(number, float) and dtype not in FLOATING | COMPLEX:
        dtype = "float32"
    elif dtype == "bool":
        dtype = "int64"
    return Tensor(tensor.shape, _result_dtype(operator, dtype))


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
        if same(x, y):
            out.append(y if x == 1 else x)
        elif same(x, 1):
            out.append(y)
        elif same(y, 1):
            out.append(x)
        else:
            raise _differing(verb, left, right, axis, x, y)
    return tuple(out)


def _differing(verb: str, left: Shape, right: Shape, axis: int, x: Dim, y: Dim) -> Misfit:
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
    if "uint8" in pair and pair & {"int8", "int16"}:
        return "int16"
    return max(left, right, key=_ORDER.index)


def _result_dtype(operator: str, dtype: str) -> str:
    if operator == "/" and dtype not in FLOATING | COMPLEX:
        return "float32"
    if operator in ("//", "%", "**") and dtype == "bool":
        raise Misfit(f"`{operator}` is not defined for truth values", label="found bool")
    if operator in ("//", "%") and dtype in COMPLEX:
        raise Misfit(f"`{operator}` is not defined for complex tensors", label=f"found {dtype}")
    return dtype


def _multiply_matrices(left: Tensor, right: Tensor) -> Tensor:
    if left.rank < 2 or right.rank < 2:
        raise Misfit(
            f"`@` multiplies matrices, found {write_shape(left.shape)} and "
            f"{write_shape(right.shape)}",
            label="a matrix has two dimensions",
        )
    if left.dtype != right.dtype:
        raise Misfit(
            f"`@` wants one dtype, found {left.dtype} and {right.dtype}", label="dtypes differ"
        )
    if left.dtype == "bool":
        raise Misfit("`@` is not defined for truth values", label="found bool")
    if not same(left.shape[-1], right.shape[-2]):
        raise Misfit(
            f"cannot multiply matrices of shape {write_shape(left.shape)} and "
            f"{write_shape(right.shape)}",
            label=f"{left.shape[-1]} columns on the left, {right.shape[-2]} rows on the right",
            help="transpose one of them, or change its size",
        )
    batch = broadcast("multiply", left.shape[:-2], right.shape[:-2])
    return Tensor((*batch, left.shape[-2], right.shape[-1]), left.dtype)
