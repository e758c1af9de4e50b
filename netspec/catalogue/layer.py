"""A layer of the catalogue: torch's arguments, the shape rule, parameters and MACs in one class."""

from collections.abc import Mapping
from typing import ClassVar, NamedTuple

from netspec.catalogue.signature import LARGEST, Signature, Value
from netspec.dim import Dim, Expression, at_least, product, same, value_of
from netspec.tensor import FLOATING, Shape, Tensor, write_shape

LAYERS: dict[str, type["Layer"]] = {}
ALIASES: dict[str, str] = {}
RANK_OPEN: dict[str, dict[int, str]] = {}


class Misfit(Exception):
    """Inputs or arguments that do not go together.

    `message` says what does not fit, `label` stands under the carets, `argument` names the argument
    to point at, where it is not the whole call.
    """

    def __init__(
        self, message: str, *, label: str = "", help: str = "", argument: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.label = label
        self.help = help
        self.argument = argument


class Example(NamedTuple):
    """A call, the input that it gets, and the output that it gives, as a spec writes them."""

    call: str
    input: str
    output: str


class Layer(Signature):
    """A module of torch.nn. A subclass with a public name joins the catalogue under that name.

    `ndim`: the spatial dimensions that it works on, None where any number will do.
    `dtypes`: the input dtypes that torch takes.
    `optional`: the parameters that torch's type stubs declare as a tensor or None.
    `stateless`: no parameters, no buffers: one module can serve in several places.
    """

    ndim: ClassVar[int | None] = None
    dtypes: ClassVar[frozenset[str]] = FLOATING
    stateless: ClassVar[bool] = True
    optional: ClassVar[frozenset[str]] = frozenset()
    examples: ClassVar[tuple[Example, ...]] = ()

    def __init_subclass__(cls, aliases: tuple[str, ...] = ()) -> None:
        name = cls.__name__
        if name.startswith("_"):
            return
        cls.torch = vars(cls).get("torch", f"torch.nn.{name}")
        LAYERS[name] = cls
        for title in (name, *aliases):
            ALIASES[title] = name
            if cls.ndim and title.endswith(f"{cls.ndim}d"):
                RANK_OPEN.setdefault(title.removesuffix(f"{cls.ndim}d"), {})[cls.ndim] = name

    def apply(self, x: Tensor) -> Tensor:
        """The output for input `x`; sets the arguments that the input decides.

        Raises:
            Misfit: where torch would raise.
        """
        self.require_dtype(x)
        for name, dim in self.infer(x).items():
            self.settle(name, dim, x)
        output = self.output(x)
        for name, shape in self.parameters().items():
            _require_storable(name, shape)
        return output

    def infer(self, x: Tensor) -> Mapping[str, Dim]:
        """The arguments that the input decides."""
        return {}

    def output(self, x: Tensor) -> Tensor:
        """The shape rule."""
        return x

    def parameters(self) -> Mapping[str, Shape]:
        """The shapes of the learnable tensors by name, once `apply` has settled the arguments."""
        return {}

    def macs(self, x: Tensor, y: Tensor) -> Dim:
        """Multiply-accumulate operations for one whole input, batch included."""
        return 0

    def require_dtype(self, x: Tensor) -> None:
        if x.dtype not in self.dtypes:
            wanted = " or ".join(sorted(self.dtypes))
            raise Misfit(
                f"`{type(self).__name__}` takes {wanted}, found {x.dtype}",
                label=f"the input is {x}",
            )

    def settle(self, name: str, dim: Dim, x: Tensor) -> None:
        """Set an inferred argument, or hold the given one against the input."""
        given = self.given.get(name)
        if given is not None and same(given, dim) is False:
            raise Misfit(
                f"`{name}` is {given}, but the input of shape {write_shape(x.shape)} has {dim}",
                label=f"the input decides `{name}`",
                help=f"leave `{name}` out, or write {name}={dim}",
                argument=name,
            )
        if value_of(dim) is None:
            raise Misfit(
                f"`{name}` of `{type(self).__name__}` must be known when the net is built, "
                f"but `{dim}` is known only when data flows",
                label=f"the input has shape {write_shape(x.shape)}",
                help=f"write a number or a parameter in place of `{dim}` in the net's signature",
            )
        _require_storable(name, (dim,))
        setattr(self, name, dim)


def _require_storable(name: str, shape: Shape) -> None:
    if (value_of(product(shape)) or 0) > LARGEST:
        raise Misfit(
            f"`{name}` of shape {write_shape(shape)} is too large",
            label="more numbers than torch can count",
            help="check the sizes",
        )


def spread(value: Value, ndim: int) -> tuple[Dim, ...]:
    """One number for each spatial dimension, from one number for all or a tuple."""
    if isinstance(value, int | Expression):
        return (value,) * ndim
    items = tuple(value)
    return items * ndim if len(items) == 1 else items


def require_rank(layer: Layer, x: Tensor, ranks: tuple[int, ...], wanted: str) -> None:
    """Refuse an input whose number of dimensions torch would refuse."""
    if x.rank not in ranks:
        raise Misfit(
            f"`{type(layer).__name__}` takes {wanted}, "
            f"found {write_shape(x.shape)} of {x.rank} dimension{'s' if x.rank != 1 else ''}",
            label=f"the input has {x.rank} dimension{'s' if x.rank != 1 else ''}",
        )


def require_positive(
    layer: Layer, x: Tensor, sizes: tuple[Dim, ...], why: str, advice: str = ""
) -> None:
    """Refuse an output dimension that comes out at zero or less."""
    for size in sizes:
        if at_least(size, 1) is False:
            raise Misfit(
                f"the output of `{type(layer).__name__}` would have size {value_of(size)}",
                label=why,
                help=advice,
            )


def count(shapes: Mapping[str, Shape]) -> Dim:
    """The number of elements of tensors of these shapes."""
    total: Dim = 0
    for shape in shapes.values():
        total = total + product(shape) if shape else total + 1
    return total
