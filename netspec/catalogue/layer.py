"""A layer of the catalogue: torch's arguments, the shape rule, parameters and MACs in one class."""

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from typing import Any, ClassVar

from netspec.catalogue.dtypes import require_dtype
from netspec.catalogue.example import Example as Example
from netspec.catalogue.example import Shapes as Shapes
from netspec.catalogue.own import require_inferred, require_outcome, rules_of
from netspec.catalogue.registry import ALIASES as ALIASES
from netspec.catalogue.registry import LAYERS as LAYERS
from netspec.catalogue.registry import LAZY as LAZY
from netspec.catalogue.registry import RANK_OPEN as RANK_OPEN
from netspec.catalogue.registry import enter, is_own
from netspec.catalogue.signature import LARGEST, Part, Signature, Value, write_value
from netspec.compare import at_least, same
from netspec.dim import Dim, Expression, product, sample_of, value_of
from netspec.misfit import Misfit as Misfit
from netspec.tensor import FLOATING, Shape, Tensor, Type, write_shape, write_type


class Layer(Signature, Part):
    """A module of torch.nn, or one of a user's own. A subclass joins the catalogue under its name.

    One that is `abstract`, or whose name begins with `_`, does not. `aliases=("Other",)` gives it
    more names, and one that ends in its rank, `Blur2d` with `ndim = 2`, is also known without it.
    `torch`: the class that it stands for, `"my_layers.Maxout"`. Fields are that class's arguments,
    in its order and with its defaults. What a user registers may raise TypeError where it is
    defined, so that a spec never meets a layer that cannot be.

    `ndim`: the spatial dimensions that it works on, None where any number will do.
    `dtypes`: the input dtypes that torch takes.
    `optional`: the parameters that torch's type stubs declare as a tensor or None.
    `zeroed`: the parameters that torch's class fills with zeros.
    `stateless`: no parameters, no buffers: one module can serve in several places. A user's layer
    is not where it says nothing.
    `takes`: the inputs of forward, by torch's names; `may_take`: those that may be left out.
    `pairs`: the inputs that are a pair of tensors.
    """

    ndim: ClassVar[int | None] = None
    dtypes: ClassVar[frozenset[str]] = FLOATING
    stateless: ClassVar[bool] = True
    optional: ClassVar[frozenset[str]] = frozenset()
    zeroed: ClassVar[frozenset[str]] = frozenset()
    takes: ClassVar[tuple[str, ...]] = ("input",)
    may_take: ClassVar[tuple[str, ...]] = ()
    pairs: ClassVar[frozenset[str]] = frozenset()
    examples: ClassVar[tuple[Example, ...]] = ()
    shapes: ClassVar[tuple[Shapes, ...]] = ()

    def __init_subclass__(cls, aliases: tuple[str, ...] = (), abstract: bool = False) -> None:
        name = cls.__name__
        if abstract or name.startswith("_"):
            return
        if is_own(cls):
            from netspec.catalogue.registration import prepare

            prepare(cls, aliases)
        else:
            cls.torch = vars(cls).get("torch", f"torch.nn.{name}")
        enter(cls, aliases)

    def __init__(self, *positional: Value, **keyword: Value) -> None:
        super().__init__(*positional, **keyword)
        # A copy for each: the sizes that the input decides for one hold for no other.
        own = {name: copy(value) for name, value in self.given.items() if isinstance(value, Layer)}
        self.given |= own
        self.__dict__.update(own)

    def __str__(self) -> str:
        given = ", ".join(f"{name}={write_value(value)}" for name, value in self.given.items())
        return f"{type(self).__name__}({given})"

    @classmethod
    def in_words(cls) -> str:
        return "a layer" if cls is Layer else super().in_words()

    def whole(self) -> "Iterator[Layer]":
        """Itself, and the layers that it takes as arguments."""
        yield self
        for value in self.given.values():
            if isinstance(value, Layer):
                yield from value.whole()

    def apply(self, *inputs: Type | None, **named: Type | None) -> Type:
        """The output for the inputs; sets the arguments that they decide.

        Raises:
            Misfit: where torch would raise.
        """
        bound = self.bind_inputs(inputs, named)
        if isinstance(bound[0], Tensor):
            self.require_dtype(bound[0])
        for name, dim in self.decide(*bound).items():
            self.settle(name, dim, *bound)
        if is_own(type(self)):
            with rules_of(self):
                output = self.output(*bound)
                require_outcome(self, bound, output)
        else:
            output = self.output(*bound)
        for name, shape in self.parameters().items():
            _require_storable(name, shape)
        return output

    def decide(self, *bound: Type | None) -> Mapping[str, Dim]:
        """What `infer` says, held against what it may say where a user has written it.

        Raises:
            Misfit: where torch would raise.
        """
        if not is_own(type(self)):
            return self.infer(*bound)
        with rules_of(self):
            inferred = self.infer(*bound)
            require_inferred(self, inferred)
        return inferred

    @classmethod
    def bind_inputs(
        cls, inputs: Sequence[Type | None], named: Mapping[str, Type | None]
    ) -> tuple[Type | None, ...]:
        """One entry for each of `takes` and `may_take`, None where an optional one is missing.

        Raises:
            Misfit: for a wrong number, an unknown name, a tuple in place of a tensor or a tensor
                in place of a tuple.
        """
        names = (*cls.takes, *cls.may_take)
        if len(inputs) > len(names):
            raise Misfit(
                f"`{cls.__name__}` takes {cls.inputs_usage()}, found {len(inputs)}",
                label=f"{len(inputs)} inputs",
                help="join tensors first, with `+` or `-> cat(dim=1)`"
                if len(names) == 1
                else f"give it {_and(names)} alone",
            )
        bound: dict[str, Type | None] = dict(zip(names, inputs, strict=False))
        for name, type_ in named.items():
            if name not in names or name in bound:
                twice = name in bound
                raise Misfit(
                    f"`{cls.__name__}` got `{name}` twice, by position and by name"
                    if twice
                    else f"`{cls.__name__}` has no input `{name}`",
                    label="given again here" if twice else "no such input",
                    help=f"it takes {cls.inputs_usage()}",
                    argument=name,
                )
            bound[name] = type_
        missing = [name for name in cls.takes if bound.get(name) is None]
        if missing:
            raise Misfit(
                f"`{cls.__name__}` takes {cls.inputs_usage()}, but gets no {_and(missing, 'or')}",
                label=f"found {len(inputs) + len(named)}",
                help=f"write `({', '.join(cls.takes)}) -> {cls.__name__}`"
                if len(cls.takes) > 1
                else f"write `x -> {cls.__name__}`",
            )
        for name, given in bound.items():
            cls._require_kind(name, given)
        return tuple(bound.get(name) for name in names)

    @classmethod
    def inputs_usage(cls) -> str:
        """What it takes, in words: "one input, `input`, and optionally `hx`"."""
        counts = {1: "one input", 2: "two inputs", 3: "three inputs"}
        takes = counts.get(len(cls.takes), f"{len(cls.takes)} inputs")
        if len(cls.takes) > 1 or cls.may_take:
            takes += f", {_and(cls.takes)}"
        return f"{takes}, and optionally {_and(cls.may_take)}" if cls.may_take else takes

    @classmethod
    def _require_kind(cls, name: str, given: Type | None) -> None:
        is_tensor = isinstance(given, Tensor)
        is_pair = given is not None and not is_tensor and len(given) == 2
        if given is None or (is_pair if name in cls.pairs else is_tensor):
            return
        found = write_type(given)
        wanted = "a pair of tensors" if name in cls.pairs else "a tensor"
        raise Misfit(
            f"`{name}` of `{cls.__name__}` must be {wanted}, found {found}",
            label="a tensor" if isinstance(given, Tensor) else f"a tuple of {len(given)}",
            help="write both in parentheses, (h, c)"
            if name in cls.pairs
            else "unpack the tuple first: `y, _ = …`",
            argument=name,
        )

    def infer(self, *bound: Any, **unused: Any) -> Mapping[str, Dim]:
        """The arguments that the inputs decide; takes what `output` takes."""
        return {}

    def output(self, *bound: Any, **unused: Any) -> Type:
        """The shape rule; takes one entry for each of `takes` and `may_take`."""
        x: Tensor = bound[0]
        return x

    def parameters(self) -> Mapping[str, Shape]:
        """The shapes of the learnable tensors by name, once `apply` has settled the arguments."""
        return {}

    def inside(self) -> Mapping[str, str]:
        """The modules inside that have parameters, or parts that have, each with its class.

        Their names are dotted, as those of `parameters` are.
        """
        return {}

    def buffers(self) -> Mapping[str, Shape]:
        """The shapes of the persistent buffers by name, once `apply` has settled the arguments."""
        return {}

    def macs(self, x: Any, y: Any, *rest: Any) -> Dim:
        """Multiply-accumulate operations for the first input, the output, and the other inputs."""
        return 0

    def require_dtype(self, x: Tensor) -> None:
        require_dtype(type(self).__name__, x, self.dtypes)

    def settle(self, name: str, dim: Dim, *bound: Type | None) -> None:
        """Set an inferred argument, or hold the given one against the inputs."""
        given = self.given.get(name)
        have = "has" if sum(isinstance(item, Tensor) for item in bound) == 1 else "have"
        if given is not None and same(given, dim) is False:
            raise Misfit(
                f"`{name}` is {given}, but {_inputs(bound, 'of')} {have} {dim}",
                label=f"the input decides `{name}`",
                help=f"leave `{name}` out, or write {name}={dim}",
                argument=name,
            )
        if value_of(dim) is None:
            raise Misfit(
                f"`{name}` of `{type(self).__name__}` must be known when the net is built, "
                f"but `{dim}` is known only when data flows",
                label=_inputs(bound, have),
                help=f"write a number or a parameter in place of `{dim}` in the net's signature",
            )
        _require_storable(name, (dim,))
        setattr(self, name, dim)


def _inputs(bound: Sequence[Type | None], between: str) -> str:
    shapes = [write_shape(given.shape) for given in bound if isinstance(given, Tensor)]
    noun = "the input" if len(shapes) == 1 else "the inputs"
    return f"{noun} {between} shape{noun[9:]} {_and(shapes, quote='')}"


def _and(words: Sequence[str], word: str = "and", quote: str = "`") -> str:
    quoted = [f"{quote}{name}{quote}" for name in words]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} {word} {quoted[-1]}"


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
            help=rank_help(layer, x, min(ranks)),
        )


def rank_help(layer: Layer, x: Tensor, fewest: int) -> str:
    """A way out for a wrong number of dimensions: the layer for it, or more or fewer of them."""
    name = type(layer).__name__
    family = name.removesuffix(f"{layer.ndim}d")
    other = RANK_OPEN.get(family, {}).get(x.rank - 2, name)
    if other != name:
        return f"use `{other}`, or `{family}` for any rank"
    if layer.ndim and x.rank == 2 < fewest:
        return f"put `{name}` before what joins the dimensions, or add some: `-> unsqueeze(-1)`"
    if x.rank < fewest:
        return "add dimensions first, `-> unsqueeze(0)` in front or `-> unsqueeze(-1)` at the end"
    return "join dimensions first: `-> flatten(0, 1)`, say"


def require_shape(layer: Layer, name: str, given: Tensor, wanted: Shape, why: str) -> None:
    """Refuse an input beside the first whose shape cannot be the `wanted` one."""
    fits = given.rank == len(wanted) and all(
        same(left, right) is not False for left, right in zip(given.shape, wanted, strict=True)
    )
    if not fits:
        raise Misfit(
            f"`{name}` of `{type(layer).__name__}` must be {write_shape(wanted)}, "
            f"found {write_shape(given.shape)}",
            label=f"{write_shape(wanted)} wanted",
            help=why,
            argument=name,
        )


def require_same_dtype(layer: Layer, name: str, given: Tensor, dtype: str) -> None:
    """Refuse an input beside the first that torch would not convert."""
    if given.dtype != dtype:
        raise Misfit(
            f"`{name}` of `{type(layer).__name__}` must be {dtype}, found {given.dtype}",
            label=f"this is {given}",
            help=f"convert it to {dtype} first",
            argument=name,
        )


def require_divides(
    layer: Layer, name: str, number: Dim, whole: Dim, what: str, help: str = ""
) -> None:
    """Refuse an argument that must divide `whole`, the number of `what`, and does not."""
    rest = value_of(whole % number)
    if rest:
        raise Misfit(
            f"`{name}` of `{type(layer).__name__}` must divide {what}: "
            f"{whole} is no multiple of {name}={number}",
            label=f"{value_of(whole)} % {value_of(number)} is {rest}",
            help=help or f"choose `{name}` among the numbers that divide {value_of(whole)}",
            argument=name,
        )


def number_of(dim: Dim) -> int:
    """The number that decides a layer's structure; it is known when the layer is built."""
    number = sample_of(dim)
    if number is None:
        raise TypeError(f"{dim} is not known when the layer is built")
    return number


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
