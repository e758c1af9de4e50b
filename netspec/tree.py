"""Turn a reduced rule of the grammar into its node of the syntax tree: one function a rule."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from netspec import syntax as s
from netspec.scan import FILE
from netspec.source import Span

Docs = Mapping[int, str]


class Word(NamedTuple):
    """A token on its way into a node."""

    text: str
    span: Span


class _Part(NamedTuple):
    """What a rule hands to the rule above it, under the rule's name."""

    kind: str
    items: tuple[Any, ...]


def build(rule: str, children: list[Any], span: Span, docs: Docs) -> Any:
    """The node of `rule`; `docs` has the documentation by the offset of the token behind it."""
    maker = _MAKERS.get(rule)
    if maker is not None:
        return maker(children, span)
    if rule in _DECLARATIONS:
        return _DECLARATIONS[rule](children, span, docs)
    return _Part(rule, tuple(children))


def _name(word: Word) -> s.Name:
    return s.Name(word.text, word.span)


def _integer(children: list[Any], span: Span) -> s.Literal | s.Broken:
    digits = children[0].text.replace("_", "")
    # Python refuses to read very long numbers, and no size has so many digits.
    return s.Literal(int(digits), span) if len(digits) <= 400 else s.Literal(10**400, span)


def _string(children: list[Any], span: Span) -> s.Literal:
    return s.Literal(unquote(children[0].text), span)


_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0"}


def unquote(text: str) -> str:
    """The value of a string literal; `\\n`, `\\t`, `\\r`, `\\0` mean what they mean in Python."""
    out: list[str] = []
    characters = iter(text[1:-1] if len(text) > 1 and text[0] == text[-1] else text[1:])
    for character in characters:
        if character == "\\":
            escaped = next(characters, "")
            out.append(_ESCAPES.get(escaped, escaped))
        else:
            out.append(character)
    return "".join(out)


def _binary(children: list[Any], span: Span) -> s.Binary:
    left, operator, right = children
    return s.Binary(operator.text, left, right, span)


def _unary(children: list[Any], span: Span) -> s.Expression:
    operator, operand = children
    match operand:
        case s.Literal(int() | float() as value) if operator.text == "-" and value is not True:
            return s.Literal(-value, span)
    return s.Unary(operator.text, operand, span)


def _comparison(children: list[Any], span: Span) -> s.Comparison:
    operators = tuple(word.text for word in children[1::2])
    return s.Comparison(operators, tuple(children[0::2]), span)


def _stage_target(children: list[Any], span: Span) -> s.Stage:
    callee, *schemes = children
    return s.Stage(None, callee, schemes[0] if schemes else None, span)


def _repeat(children: list[Any], span: Span) -> s.Repeat:
    count, stage = children
    return s.Repeat(count, stage, span)


def _subscript(children: list[Any], span: Span) -> s.Subscript:
    value, *items = children
    indices = (s.Ellipsis(item.span) if isinstance(item, Word) else item for item in items)
    return s.Subscript(value, tuple(indices), span)


def _slice(children: list[Any], span: Span) -> s.Slice:
    """The parts between the colons, which are words."""
    parts: list[s.Expression | None] = [None]
    for child in children:
        if isinstance(child, Word):
            parts.append(None)
        else:
            parts[-1] = child
    start, stop, step = (*parts, None)[:3]
    return s.Slice(start, stop, step, span)


def _stage(children: list[Any], span: Span) -> s.Stage:
    target = children[-1]
    label = _name(children[0]) if len(children) > 1 else None
    return s.Stage(label, target.callee, target.schemes, span)


def _through(children: list[Any], span: Span) -> s.Argument:
    name, first, *rest = children
    stages = [
        item if isinstance(item, s.Stage) else s.Stage(None, item, None, item.span) for item in rest
    ]
    chain = s.Chain(first, tuple(stages), Span(first.span.start, stages[-1].span.end))
    return s.Argument(_name(name), chain, span)


def _targets(children: list[Any], span: Span) -> s.Targets:
    return s.Targets(tuple(_target(child) for child in children), span)


def _target(child: Any) -> s.Name | s.Element | s.Targets:
    return _name(child) if isinstance(child, Word) else child


def _for(children: list[Any], span: Span) -> s.For:
    target, iterable, *label, body = children
    name = _name(label[0].items[0]) if label else None
    return s.For(_target(target), iterable, name, body.items, span)


def _if(children: list[Any], span: Span) -> s.If:
    test, then, *other = children
    if not other:
        return s.If(test, then.items, (), span)
    (otherwise,) = other[0].items
    nested = (otherwise,) if isinstance(otherwise, s.If) else otherwise.items
    return s.If(test, then.items, nested, span)


def _require(children: list[Any], span: Span) -> s.Require:
    test, *message = children
    return s.Require(test, unquote(message[0].text) if message else "", span)


def _variable(children: list[Any], span: Span) -> s.Variable:
    kind, name, tensor, *scheme = children
    return s.Variable(kind.text, _name(name), tensor, scheme[0] if scheme else None, span)


def _on(children: list[Any], span: Span) -> s.On:
    device, body = children
    return s.On(s.Literal(unquote(device.text), device.span), body.items, span)


def _use(children: list[Any], span: Span) -> s.Use:
    *names, path = children
    return s.Use(tuple(map(_name, names)), s.Literal(unquote(path.text), path.span), span)


def _layer(children: list[Any], span: Span) -> s.LayerDefinition:
    name, target = children
    return s.LayerDefinition(_name(name), target.callee, target.schemes, span)


def _init(children: list[Any], span: Span) -> s.Init:
    *selectors, schemes = children
    return s.Init(tuple(selectors), schemes, span)


def _selector(children: list[Any], span: Span) -> s.Name | s.Literal:
    text = children[0].text
    return s.Literal(unquote(text), span) if text[0] in "\"'" else s.Name(text, span)


def _device(children: list[Any], span: Span) -> s.Device:
    return s.Device(s.Literal(unquote(children[0].text), children[0].span), span)


def _parameter(children: list[Any], span: Span) -> s.Parameter:
    name, *rest = children
    parts = {part.kind: part.items[0] for part in rest}
    kind = parts.get("type")
    return s.Parameter(_name(name), _name(kind) if kind else None, parts.get("default"), span)


def _input(children: list[Any], span: Span) -> s.Input:
    name, *kind = children
    return s.Input(_name(name), kind[0] if kind else None, span)


def _tensor(children: list[Any], span: Span) -> s.TensorType:
    if children and isinstance(children[0], Word):
        return s.TensorType(_name(children[0]), tuple(children[1:]), span)
    return s.TensorType(None, tuple(children), span)


def _outputs(children: list[Any], span: Span) -> _Part:
    match children:
        case [s.TensorType() as only]:
            return _Part("outputs", (s.Output(None, only, only.span),))
    return _Part("outputs", tuple(children))


def _net(children: list[Any], span: Span, docs: Docs) -> s.Net:
    name, parameters, inputs, outputs, body = children
    parts = (parameters.items, inputs.items, outputs.items, body.items)
    return s.Net(_name(name), *parts, docs.get(span.start, ""), span)


def _block(children: list[Any], span: Span, docs: Docs) -> s.Block:
    return s.Block(*_net(children, span, docs))


def _extern(children: list[Any], span: Span, docs: Docs) -> s.Extern:
    name, parameters, inputs, outputs, module = children
    place = s.Literal(unquote(module.text), module.span)
    parts = (parameters.items, inputs.items, outputs.items, place)
    return s.Extern(_name(name), *parts, docs.get(span.start, ""), span)


def _dataset(children: list[Any], span: Span, docs: Docs) -> s.ExternData:
    name, parameters, outputs, module = children
    place = s.Literal(unquote(module.text), module.span)
    parts = (parameters.items, outputs.items, place)
    return s.ExternData(_name(name), *parts, docs.get(span.start, ""), span)


def _trained(children: list[Any], span: Span) -> s.Trained:
    name, callee = children
    call = callee if isinstance(callee, s.Call) else s.Call(callee, (), callee.span)
    assert isinstance(call.function, s.Name)
    return s.Trained(_name(name), call.function, call.arguments, span)


def _options(children: list[Any], span: Span) -> s.Options:
    *selectors, schemes = children
    return s.Options(tuple(selectors), schemes.arguments, span)


def _start(children: list[Any], span: Span) -> s.Start:
    path = s.Literal(unquote(children[0].text), children[0].span)
    return s.Start(path, children[1].arguments if len(children) > 1 else (), span)


def _step(children: list[Any], span: Span) -> s.Step:
    return s.Step(_name(children[0]), tuple(children[1:]), span)


def _train(children: list[Any], span: Span, docs: Docs) -> s.Train:
    name, *rest = children
    nets = tuple(item for item in rest if isinstance(item, s.Trained))
    items = tuple(item for item in rest if not isinstance(item, s.Trained))
    return s.Train(_name(name), nets, items, docs.get(span.start, ""), span)


def _file(children: list[Any], span: Span, docs: Docs) -> s.File:
    own = docs.get(FILE, "")
    documented = s.Net | s.Block | s.Extern | s.ExternData | s.Train
    if not own and children and not isinstance(children[0], documented):
        own = docs.get(children[0].span.start, "")
    return s.File(tuple(children), own)


_MAKERS: dict[str, Callable[[list[Any], Span], Any]] = {
    "integer": _integer,
    "real": lambda c, at: s.Literal(float(c[0].text.replace("_", "")), at),
    "string": _string,
    "true": lambda c, at: s.Literal(True, at),
    "false": lambda c, at: s.Literal(False, at),
    "none": lambda c, at: s.Literal(None, at),
    "group": lambda c, at: c[0],
    "tuple": lambda c, at: s.Sequence(tuple, tuple(c), at),
    "tuple_value": lambda c, at: s.Sequence(tuple, tuple(c), at),
    "list": lambda c, at: s.Sequence(list, tuple(c), at),
    "name": lambda c, at: s.Name(c[0].text, at),
    "attribute": lambda c, at: s.Attribute(c[0], _name(c[1]), at),
    "call": lambda c, at: s.Call(c[0], tuple(c[1:]), at),
    "applied": lambda c, at: s.Call(c[0], tuple(c[1:]), at),
    "subscript": _subscript,
    "slice": _slice,
    "stages": lambda c, at: s.Group(tuple(c), at),
    "repeat": _repeat,
    "element": lambda c, at: s.Element(_name(c[0]), c[1], at),
    "for": _for,
    "if": _if,
    "require": _require,
    "variable": _variable,
    "path": lambda c, at: s.Path(tuple(map(_name, c)), at),
    "tie": lambda c, at: s.Tie(c[0], c[1], at),
    "freeze": lambda c, at: s.Freeze(tuple(c), at),
    "on": _on,
    "use": _use,
    "positional": lambda c, at: s.Argument(None, c[0], at),
    "keyword": lambda c, at: s.Argument(_name(c[0]), c[1], at),
    "through": _through,
    "dotted": lambda c, at: s.Attribute(_name(c[0]), _name(c[1]), at),
    "dotted_call": lambda c, at: s.Call(c[0], tuple(c[1:]), at),
    "binary": _binary,
    "unary": _unary,
    "comparison": _comparison,
    "conditional": lambda c, at: s.Conditional(c[0], c[1], c[2], at),
    "chain": lambda c, at: s.Chain(c[0], tuple(c[1:]), at),
    "stage_target": _stage_target,
    "stage": _stage,
    "with": lambda c, at: s.Schemes(tuple(c), at),
    "targets": _targets,
    "assign": lambda c, at: s.Assign(_target(c[0]), c[1], at),
    "return": lambda c, at: s.Return(c[0], at),
    "layer": _layer,
    "let": lambda c, at: s.Let(_name(c[0]), c[1], at),
    "init": _init,
    "selector": _selector,
    "device": _device,
    "broken": lambda c, at: s.Broken(at),
    "parameter": _parameter,
    "input": _input,
    "tensor": _tensor,
    "output": lambda c, at: s.Output(_name(c[0]), c[1], at),
    "outputs": _outputs,
    "trained": _trained,
    "options": _options,
    "start": _start,
    "step": _step,
}
_DECLARATIONS: dict[str, Callable[[list[Any], Span, Docs], Any]] = {
    "net": _net,
    "block": _block,
    "extern": _extern,
    "dataset": _dataset,
    "train": _train,
    "file": _file,
}
