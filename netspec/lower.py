"""Turn a checked graph into the program that a PyTorch engineer would have written for it."""

from collections.abc import Callable, Mapping
from typing import Any

from netspec import syntax as s
from netspec.dim import Expression, form_names, form_of, symbols, value_of
from netspec.evaluate import names_in
from netspec.graph import BuiltLayer, Graph, Net, Port
from netspec.layout import bracketed, docstring
from netspec.lower_call import call_arguments
from netspec.lower_forward import Forward, lower_forward
from netspec.lower_init import lower_init, scheme_names
from netspec.names import label_problem
from netspec.program import Argument, Class, Line, Program
from netspec.tensor import Tensor
from netspec.write import write_expression, write_literal


def lower(graph: Graph) -> Program:
    """The program of all nets of a spec, in the order of the file."""
    classes = tuple(_lower_net(net) for net in graph.nets.values())
    docs = [net.doc for net in graph.nets.values()]
    titles = [net.name for net in graph.nets.values()]
    doc = graph.doc or (docs[0] if len(docs) == 1 and docs[0] else f"{', '.join(titles)}.")
    if not graph.doc and len(docs) == 1 and docs[0]:
        classes = (classes[0]._replace(doc=_mapping(next(iter(graph.nets.values())))),)
    return Program(doc, _imports(classes), classes)


def _lower_net(net: Net) -> Class:
    attributes = _attributes(net)
    forward = lower_forward(net, attributes)
    constructor = _constructor(net, forward, attributes)
    summary = _mapping(net)
    return Class(
        name=net.name,
        doc=net.doc or summary,
        arguments=tuple(_parameter(p, net.parameters[p.name.id]) for p in net.syntax.parameters),
        constructor=tuple(constructor),
        inputs=tuple(Argument(port.name, "Tensor") for port in net.inputs),
        returns=_returns(net.outputs),
        forward_doc=summary if net.doc else "",
        forward=tuple(forward.lines),
    )


def _attributes(net: Net) -> Callable[[str], str]:
    """How forward reads a parameter or `let`: the attribute that the constructor keeps it in."""

    def attribute(name: str) -> str:
        while name in net.layers or label_problem(name):
            name += "_"
        return name

    return attribute


# ---- the constructor ---------------------------------------------------------------------------


def _constructor(net: Net, forward: Forward, attribute: Callable[[str], str]) -> list[Line]:
    """Kept parameters, then `let`s and layers in the order of the file, then initialisation."""
    parameters = [p.name.id for p in net.syntax.parameters]
    lets = {x.name.id: x for x in net.syntax.body if isinstance(x, s.Let)}
    calls = {name: _layer_call(layer) for name, layer in net.layers.items()}
    wanted = {name for layer in net.layers.values() for name in _names_of(layer)}
    wanted |= scheme_names(net.layers) | (forward.attributes & set(lets))
    needed = _with_dependencies(wanted, lets)
    steps: list[tuple[int, list[Line]]] = []
    for name in sorted(needed & set(lets), key=lambda name: lets[name].span):
        text = f"{name} = {write_expression(lets[name].value)}"
        steps.append((lets[name].span.start, [Line(text)]))
    for name, layer in net.layers.items():
        steps.append((layer.span.start, [Line(text) for text in calls[name]]))
    lines = [
        Line(f"self.{attribute(name)} = {name}")
        for name in parameters
        if name in forward.attributes
    ]
    lines += [line for _, block in sorted(steps, key=lambda step: step[0]) for line in block]
    lines += [
        Line(f"self.{attribute(name)} = {name}")
        for name in sorted(forward.attributes)
        if name in lets
    ]
    return lines + lower_init(net.layers)


def _layer_call(built: BuiltLayer) -> list[str]:
    arguments = built.call.arguments if isinstance(built.call, s.Call) else ()
    texts = call_arguments(built.layer, arguments, str)
    title = built.layer.torch.removeprefix("torch.")
    return bracketed(f"self.{built.name} = {title}(", texts, ")", 2)


def _names_of(built: BuiltLayer) -> set[str]:
    """The names that the constructor call of a layer mentions."""
    arguments = built.call.arguments if isinstance(built.call, s.Call) else ()
    names = {name.id for argument in arguments for name in names_in(argument.value)}
    for field in built.layer.fields().values():
        if field.inferred and field.name not in built.layer.given:
            names |= _dim_names(getattr(built.layer, field.name))
    return names


def _dim_names(value: Any) -> set[str]:
    if isinstance(value, tuple | list):
        return {name for item in value for name in _dim_names(item)}
    names = form_names(form_of(value)) if isinstance(value, int | Expression) else set()
    # What has no polynomial is a symbol called as it was written: look into its text for names.
    return {word for name in names for word in _words(name)}


def _words(text: str) -> list[str]:
    import re

    return re.findall(r"[^\W\d]\w*", text)


def _with_dependencies(names: set[str], lets: Mapping[str, s.Let]) -> set[str]:
    """`names`, and the `let`s that those among them are made of."""
    needed: set[str] = set()
    pending = list(names)
    while pending:
        name = pending.pop()
        if name not in needed:
            needed.add(name)
            if name in lets:
                pending += [used.id for used in names_in(lets[name].value)]
    return needed


_ANNOTATIONS: dict[type, str] = {bool: "bool", int: "int", float: "float", str: "str"}


def _parameter(parameter: s.Parameter, value: Any) -> Argument:
    annotation = _annotation(value, parameter.type.id if parameter.type else "")
    return Argument(parameter.name.id, annotation, _default(value))


def _annotation(value: Any, kind: str) -> str:
    if isinstance(value, list | tuple):
        items = list(dict.fromkeys(_annotation(item, "") for item in value))
        if set(items) == {"int", "float"}:
            items = ["float"]
        return f"Sequence[{' | '.join(items) or 'int'}]"
    return kind or _ANNOTATIONS.get(type(value), "None")


def _default(value: Any) -> str:
    if isinstance(value, list | tuple):
        inner = ", ".join(_default(item) for item in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    return write_literal(value)


# ---- what the class says of itself --------------------------------------------------------------


def _mapping(net: Net) -> str:
    """`Map image (N, 1, 28, 28) to logits (N, classes).`"""
    inputs = " and ".join(_port(port) for port in net.inputs)
    outputs = " and ".join(_port(port) for port in net.outputs)
    return f"Map {inputs} to {outputs}; {_parameter_count(net)}."


def _port(port: Port) -> str:
    name = f"{port.name} " if port.name != "output" else ""
    dtype = "" if port.type.dtype == "float32" else f"{port.type.dtype} "
    return f"{name}{dtype}{write_sizes(port.type)}"


def write_sizes(tensor: Tensor) -> str:
    """`(N, 3, 28, 28)`, as Python writes a shape."""
    inner = ", ".join(map(str, tensor.shape))
    return f"({inner},)" if tensor.rank == 1 else f"({inner})"


def _parameter_count(net: Net) -> str:
    total = net.parameter_count()
    number = value_of(total)
    depends = isinstance(total, Expression) and bool(symbols(total))
    plural = "parameter" if number == 1 else "parameters"
    return f"{number:,} {plural}{' by default' if depends else ''}"


def _returns(outputs: tuple[Port, ...]) -> str:
    if len(outputs) == 1:
        return "Tensor"
    return f"tuple[{', '.join('Tensor' for _ in outputs)}]"


def _imports(classes: tuple[Class, ...]) -> tuple[tuple[str, ...], ...]:
    """Import lines in their groups: the standard library's, then torch's."""
    code = [line.text for c in classes for line in (*c.constructor, *c.forward)]
    annotations = [argument.annotation for c in classes for argument in c.arguments]
    standard = ["from collections.abc import Sequence"] if _uses(annotations, "Sequence[") else []
    third = ["import torch"] if _uses(code, "torch.") else []
    third += ["import torch.nn.functional as F"] if _uses(code, "F.") else []
    third.append("from torch import Tensor, nn")
    return tuple(tuple(group) for group in (standard, third) if group)


def _uses(texts: list[str], prefix: str) -> bool:
    import re

    pattern = re.compile(rf"(?<![\w.]){re.escape(prefix)}")
    return any(pattern.search(text) for text in texts)


__all__ = ["docstring", "lower", "write_sizes"]
