"""Turn layers of a step that keep nothing into calls: a loss without a weight into its function."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from netspec import syntax as s
from netspec.catalogue import FUNCTIONS
from netspec.catalogue.function import Function
from netspec.catalogue.layer import Layer
from netspec.catalogue.loss_layers import LossLayer
from netspec.catalogue.registry import is_own
from netspec.catalogue.signature import Field
from netspec.graph import BuiltLayer, Net
from netspec.source import Span
from netspec.visit import arguments_of, names_in, title_of


def with_functions(graph: Net) -> Net:
    """A step where functions of torch stand for the layers that do the same."""
    inliner = _Inliner(graph)
    body = tuple(inliner.rewrite(item) for item in graph.syntax.body if not inliner.drops(item))
    return graph._replace(syntax=graph.syntax._replace(body=body))


def keeps_nothing(layers: Collection[BuiltLayer]) -> bool:
    """Whether layers that make a module can be made where they are used: they are always the same.

    Those of the author's own may keep more than they say.
    """
    parts = [part for layer in layers for part in layer.layer.whole()]
    return not any(is_own(type(part)) or _holds(part) or _has_modes(part) for part in parts)


def keeps_constants(layers: Collection[BuiltLayer]) -> bool:
    """Whether nothing that layers hold ever changes, as the weights of classes in a loss."""
    return not any(
        part.parameters() or (part.buffers() and not isinstance(part, LossLayer))
        for layer in layers
        for part in layer.layer.whole()
    )


def _holds(layer: Layer) -> bool:
    return bool(layer.parameters() or layer.buffers())


def _has_modes(layer: Layer) -> bool:
    """Whether a layer does something else in training."""
    function = _named_as(layer)
    return function is not None and function.training


def _named_as(layer: Layer) -> type[Function] | None:
    if isinstance(layer, LossLayer):
        return layer.rule
    title = type(layer).__name__.lower()
    return next((FUNCTIONS[name] for name in FUNCTIONS if name.replace("_", "") == title), None)


class _Inliner:
    """Rewrites the values of a step; `definitions`: its layers with names that have functions."""

    def __init__(self, graph: Net) -> None:
        self.by_span = {layer.span: layer for layer in graph.layers.values()}
        body = graph.syntax.body
        assigned = [item.target for item in body if isinstance(item, s.Assign)]
        self.taken = {name.id for target in assigned for name in names_in(target)}
        self.taken |= {item.name.id for item in graph.syntax.inputs}
        self.definitions: Mapping[str, s.Call] = {
            item.name.id: call
            for item in body
            if isinstance(item, s.LayerDefinition)
            and (layer := graph.layers.get(item.name.id)) is not None
            and (call := self._call(layer, item.callee)) is not None
        }

    def drops(self, item: s.Statement) -> bool:
        return isinstance(item, s.LayerDefinition) and item.name.id in self.definitions

    def rewrite(self, node: Any) -> Any:
        match node:
            case s.Call(s.Name(id), arguments) if id in self.definitions:
                call = self.definitions[id]
                given = tuple(self.rewrite(argument) for argument in arguments)
                return call._replace(arguments=(*given, *call.arguments), span=node.span)
            case s.Stage():
                return self._stage(node)
            case tuple() if not isinstance(node, Span):
                parts = [self.rewrite(part) for part in node]
                return type(node)(*parts) if hasattr(node, "_fields") else tuple(parts)
        return node

    def _stage(self, stage: s.Stage) -> s.Stage:
        if isinstance(stage.callee, s.Group) and stage.label is None:
            inner = tuple(self.rewrite(part) for part in stage.callee.stages)
            return stage._replace(callee=stage.callee._replace(stages=inner))
        call = self.definitions.get(title_of(stage.callee))
        if call is None and stage.span in self.by_span:
            call = self._call(self.by_span[stage.span], stage.callee)
        return stage if call is None else stage._replace(label=None, callee=call)

    def _call(self, built: BuiltLayer, callee: s.Expression) -> s.Call | None:
        """The function of torch for a layer, with its arguments; None where there is no such."""
        layer = built.layer
        function = _named_as(layer)
        if function is None or function.name in self.taken or is_own(type(layer)) or _holds(layer):
            return None
        names, known = layer.positional(), function.fields()
        tensors = list(known.values())[: len(layer.takes)]
        given = [
            argument._replace(name=argument.name or s.Name(names[place], argument.span))
            for place, argument in enumerate(arguments_of(callee))
        ]
        told = {argument.name.id for argument in given if argument.name}
        if not (told <= known.keys() and all(field.tensor for field in tensors)):
            return None
        if isinstance(layer, LossLayer) and tuple(f.name for f in tensors) != layer.takes:
            return None
        more = _other_defaults(layer.fields().values(), known, told, built.span)
        if more is None:
            return None
        return s.Call(s.Name(function.name, callee.span), (*given, *more), callee.span)


def _other_defaults(
    fields: Collection[Field], known: Mapping[str, Field], told: Collection[str], span: Span
) -> Sequence[s.Argument] | None:
    """The defaults of a layer that its function does not have; None for what is not plain."""
    more: list[s.Argument] = []
    for field in fields:
        if field.name in told or field.name not in known or field.inferred:
            continue
        default = field.default
        if default == known[field.name].default:
            continue
        if not isinstance(default, bool | int | float | str | None):
            return None
        more.append(s.Argument(s.Name(field.name, span), s.Literal(default, span), span))
    return more
