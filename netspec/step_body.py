"""Turn the values of a train section into the body of a net, whose inputs are the data's fields.

So that a loss is checked and written as all else is: the nets that are trained are its layers.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import count
from typing import Any

from netspec import syntax as s
from netspec.catalogue import ALIASES, FUNCTIONS
from netspec.dim import value_of
from netspec.graph import Net
from netspec.home import Entry, Home
from netspec.names import free_name
from netspec.parse import parse
from netspec.relocate import relocated
from netspec.source import Source, Span
from netspec.tensor import Tensor
from netspec.visit import names_in

Value = s.Assign | s.LayerDefinition
Titles = Mapping[str, str]  # the names that a section has for its nets, and those in the script
_FULL = {0: "zeros_like", 1: "ones_like"}


class Body:
    """Makes a net of the values of a section.

    `nets`: by the name that the script has for each. `titles`: what the author may call them.
    `constants`: names of build-time values, which are written as such. `broken`: statements that
    may give values names, and could not be read.
    """

    def __init__(
        self,
        place: Span,
        fields: Mapping[str, Tensor],
        nets: Mapping[str, Net],
        titles: Titles,
        constants: Mapping[str, Any],
        broken: Sequence[s.Broken] = (),
    ) -> None:
        self.place = place
        self.fields = fields
        self.nets = nets
        self.titles = titles
        self.constants = constants
        self.broken = broken
        self.numbers = count(1)
        self.statements: list[s.Statement] = []
        self.taken: set[str] = {*fields, *nets}
        self.offered = [*fields]  # what the author may read

    # ---- nodes that nobody wrote -----------------------------------------------------------------

    def span(self) -> Span:
        """A span at the place of the section, which no other node has."""
        span: Span = relocated(self.place, self.place, self.numbers)
        return span

    def name(self, text: str) -> s.Name:
        return s.Name(text, self.span())

    def put(self, node: Any) -> Any:
        """A node from elsewhere, as if it stood at the place of the section."""
        return relocated(node, self.place, self.numbers)

    # ---- the net ---------------------------------------------------------------------------------

    def home(self, source: Source) -> Home:
        """What names stand for in the body: the nets, by their signatures."""
        home = Home(source, {}, (), tuple(dict.fromkeys(self.offered)))
        for name, net in self.nets.items():
            title = self.class_of(name)
            home.entries[title] = Entry(self._signature(title, net), home)
        return home

    def class_of(self, name: str) -> str:
        """What errors call a net: as its author does."""
        return next(title for title, known in self.titles.items() if known == name)

    def _signature(self, title: str, net: Net) -> s.Extern:
        """A net as what is known of it: what it takes and gives."""
        inputs = ", ".join(f"{port.name}: {_write_type(port.type)}" for port in net.inputs)
        outputs = ", ".join(f"{port.name}: {_write_type(port.type)}" for port in net.outputs)
        text = f'extern {title}()({inputs}) -> ({outputs}) from "model"'
        (extern,) = parse(Source(text, "model")).file.items
        placed: s.Extern = self.put(extern)
        return placed

    def net(self, title: str, values: Sequence[s.Assign | s.LayerDefinition]) -> s.Net:
        """The net that computes the values and returns the last one's name first.

        `returned` has been put at the end of `values` as an assignment to nothing.
        """
        inputs = tuple(
            s.Input(self.name(name), self._type(kind), self.span())
            for name, kind in self.fields.items()
        )
        shared = tuple(
            s.LayerDefinition(self.name(name), self.name(self.class_of(name)), None, self.span())
            for name in self.nets
        )
        self.statements = [*self.broken, *shared]
        self.taken |= {name.id for value in values for name in names_in(tuple(value))}
        for value in values:
            self._add(value)
            if isinstance(value, s.Assign):
                self.offered += [name.id for name in names_in(value.target)]
        return s.Net(self.name(title), (), inputs, (), tuple(self.statements), "", self.span())

    def _type(self, kind: Tensor) -> s.TensorType:
        text = f"net A()(x: {_write_type(kind)}) {{\n}}\n"
        (net,) = parse(Source(text, "data")).file.items
        assert isinstance(net, s.Net)
        written: s.TensorType = self.put(net.inputs[0].type)
        return written

    def _add(self, value: s.Assign | s.LayerDefinition) -> None:
        if isinstance(value, s.LayerDefinition):
            self.statements.append(value)
        else:
            rewritten = self.rewrite(value.value)
            self.statements.append(value._replace(value=rewritten))

    # ---- values ----------------------------------------------------------------------------------

    def rewrite(self, node: Any) -> Any:
        """A value as the body of a net writes it."""
        match node:
            case s.Name(id) if id in self.titles and id not in self.fields:
                return node._replace(id=self.titles[id])
            case s.Name(id, span) if id in self.constants and id not in self.taken_by_data():
                return _literal(self.constants[id], span)
            case s.Argument() | s.Attribute():
                return node._replace(value=self.rewrite(node.value))
            case s.Call(s.Call(s.Name(title)) as made, arguments) if title in ALIASES:
                return self._apply(node.span, made, arguments)
            case s.Call(s.Name(id)) if id in FUNCTIONS:
                return self._full(self._call(node))
            case s.Call():
                return self._call(node)
            case tuple() if not isinstance(node, Span):
                parts = [self.rewrite(part) for part in node]
                return type(node)(*parts) if hasattr(node, "_fields") else tuple(parts)
        return node

    def taken_by_data(self) -> Collection[str]:
        """The names that stand for tensors."""
        assigned = {
            name.id
            for statement in self.statements
            if isinstance(statement, s.Assign)
            for name in names_in(statement.target)
        }
        return assigned | set(self.fields)

    def _call(self, node: s.Call) -> s.Call:
        return node._replace(
            function=self.rewrite(node.function),
            arguments=tuple(self.rewrite(argument) for argument in node.arguments),
        )

    def _apply(self, span: Span, made: s.Call, arguments: Sequence[s.Argument]) -> s.Chain:
        """`Loss(…)(a, b)`, as a chain writes it: `(a, b) -> Loss(…)`."""
        values = tuple(self.rewrite(argument.value) for argument in arguments)
        first = values[0] if len(values) == 1 else s.Sequence(tuple, values, span)
        stage = s.Stage(None, self._call(made), None, made.span)
        return s.Chain(first, (stage,), span)

    def _full(self, node: s.Call) -> s.Call:
        """A number where a loss wants a target: a tensor full of it, as large as the output."""
        assert isinstance(node.function, s.Name)
        place = _target_of(node)
        if place is None:
            return node
        arguments = list(node.arguments)
        number = arguments[place].value
        first = arguments[0].value
        if not isinstance(first, s.Name):
            first = self._named(first)
            arguments[0] = arguments[0]._replace(value=first)
        copied = self.put(first)
        value = number.value if isinstance(number, s.Literal) else None
        known = isinstance(value, int | float) and not isinstance(value, bool)
        function = _FULL.get(value, "full_like") if known else "full_like"  # type: ignore[arg-type]
        given = [s.Argument(None, copied, self.span())]
        if function == "full_like":
            given.append(s.Argument(None, number, number.span))
        full = s.Call(s.Name(function, number.span), tuple(given), number.span)
        arguments[place] = arguments[place]._replace(value=full)
        return node._replace(arguments=tuple(arguments))

    def _named(self, value: s.Expression) -> s.Name:
        """A value as a statement of its own, by the name that it gets."""
        wanted = "output"
        if isinstance(value, s.Call) and isinstance(value.function, s.Name):
            called = value.function.id
            inner = [a.value.id for a in value.arguments if isinstance(a.value, s.Name)]
            wanted = "_".join([called.lower(), *inner]) if called in self.nets else called
        text = free_name(wanted, lambda name: name in self.taken)
        self.taken.add(text)
        self.statements.append(s.Assign(self.name(text), value, self.span()))
        return self.name(text)


def _target_of(node: s.Call) -> int | None:
    """Where the target of a loss is a number among its arguments; None where it is none."""
    assert isinstance(node.function, s.Name)
    function = FUNCTIONS[node.function.id]
    target = getattr(function, "against", "")
    positional = function.positional()
    for place, argument in enumerate(node.arguments):
        name = argument.name.id if argument.name else None
        if name is None and place < len(positional):
            name = positional[place]
        if target and name == target and place > 0 and _is_number(argument.value):
            return place
    return None


def _is_number(node: s.Expression) -> bool:
    match node:
        case s.Literal(int() | float() as value):
            return not isinstance(value, bool)
        case s.Unary("-" | "+", operand):
            return _is_number(operand)
        case s.Binary("+" | "-" | "*" | "/" | "**", left, right):
            return _is_number(left) and _is_number(right)
    return False


def _literal(value: Any, span: Span) -> s.Expression:
    if isinstance(value, list | tuple):
        kind = list if isinstance(value, list) else tuple
        return s.Sequence(kind, tuple(_literal(item, span) for item in value), span)
    number = value_of(value) if not isinstance(value, str | bool | float | None) else value
    return s.Literal(number, span)


def _write_type(kind: Tensor) -> str:
    """A type as a spec writes it, with numbers in place of what is known."""
    sizes = [value_of(dim) for dim in kind.shape]
    shown = [str(d) if v is None else str(v) for d, v in zip(kind.shape, sizes, strict=True)]
    return f"{kind.dtype}[{', '.join(shown)}]"


def statements_of(items: Sequence[Any]) -> Iterator[Value]:
    """The values and layers among the items of a section."""
    for item in items:
        if isinstance(item, s.Assign | s.LayerDefinition):
            yield item


def values_for(values: Sequence[Value], names: Collection[str]) -> list[Value]:
    """Those of the values that these names are worked out from, in their order."""
    wanted = set(names)
    needed: list[Value] = []
    for item in reversed(values):
        target, source = (
            (item.target, item.value) if isinstance(item, s.Assign) else (item.name, item.callee)
        )
        given = {name.id for name in names_in(target)}
        if given & wanted:
            wanted = wanted - given | {name.id for name in names_in(source)}
            needed.append(item)
    return needed[::-1]


def names_read(body: Sequence[s.Statement]) -> set[str]:
    """The names that the values of a body are made of."""
    return {name.id for item in body if isinstance(item, s.Assign) for name in names_in(item.value)}
