"""Work out what a layer or block is given: values, layers inside it, blocks that are handed on."""

from typing import TYPE_CHECKING, Any

from netspec import syntax as s
from netspec.arguments import Given, bind
from netspec.catalogue import ALIASES, LAYERS, RANK_OPEN
from netspec.evaluate import UNKNOWN, evaluate
from netspec.hand_on import hand_on, takes_block
from netspec.unknown_names import report_unknown_layer
from netspec.visit import arguments_of, title_of

if TYPE_CHECKING:
    from netspec.walk import Walker


def module_arguments(callee: s.Expression, walker: "Walker") -> list[Given] | None:
    """The arguments of a layer or block; for parameters that take blocks, constructors."""
    entry = walker.home.blocks().get(title_of(callee))
    given: list[Given] = []
    complete = True
    for position, argument in enumerate(arguments_of(callee)):
        if entry is not None and takes_block(entry, argument, position):
            value: Any = hand_on(argument.value, walker)
        elif entry is None and _takes_part(title_of(callee), argument, position):
            value = _part(argument.value, walker)
        else:
            value = evaluate(argument.value, walker.scope, walker.found)
        complete = complete and value is not UNKNOWN
        given.append(Given(argument.name, value, argument.span))
    return given if complete else None


def _takes_part(title: str, argument: s.Argument, position: int) -> bool:
    """Whether an argument of a layer of the catalogue is a layer."""
    if title not in ALIASES:
        return False
    layer = LAYERS[ALIASES[title]]
    names = layer.positional()
    place = names[position] if position < len(names) else ""
    field = layer.fields().get(argument.name.id if argument.name else place)
    return field is not None and field.part


def _part(node: s.Expression, walker: "Walker") -> Any:
    """A layer that another one takes: what it is, with its arguments checked."""
    title = title_of(node)
    if not title or not (walker.is_layer(title) or title[:1].isupper()):
        return evaluate(node, walker.scope, walker.found)
    if title in ALIASES and title not in walker.home.blocks():
        given = module_arguments(node, walker)
        if given is None:
            return UNKNOWN
        bound = bind(LAYERS[ALIASES[title]], title, given, node.span, walker.found)
        return UNKNOWN if bound is None else bound
    name = s.Name(title, node.span)
    if not walker.is_layer(title):
        report_unknown_layer(name, walker.reach, walker.found)
    else:
        _report_no_part(name, walker)
    return UNKNOWN


def _report_no_part(name: s.Name, walker: "Walker") -> None:
    """Report what is a layer, but none that a layer can take."""
    what = "a layer that has its place already" if name.id in walker.layers else "a block"
    help = "write a layer of torch.nn here, with its arguments"
    if name.id in RANK_OPEN:
        what = "a layer of any rank"
        help = f"name the rank: `{next(iter(RANK_OPEN[name.id].values()))}`"
    walker.found.add(
        "wrong-argument",
        f"a layer of torch.nn is wanted here, found `{name.id}`, {what}",
        name.span,
        label="cannot be handed to a layer",
        help=help,
    )
