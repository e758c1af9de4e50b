"""Turn a checked graph into the program that a PyTorch engineer would have written for it."""

from collections.abc import Sequence

from netspec import syntax as s
from netspec.bounds import TooComplex, report_complex
from netspec.catalogue.registry import own_named
from netspec.checked import Graph
from netspec.diagnostic import Diagnostics, SpecError
from netspec.dim import Expression, value_of
from netspec.facts import Facts
from netspec.flow import Bundle, Flow, Value
from netspec.generalise import generalise_net
from netspec.graph import Net
from netspec.home import Entry, Home
from netspec.items import defined_names, needed_names, write_items
from netspec.join_branches import join_branches
from netspec.layout import docstring
from netspec.lower_constructor import lower_constructor
from netspec.lower_forward import lower_forward
from netspec.lower_imports import write_imports
from netspec.lower_init import classes_of, lower_init
from netspec.lower_parametrization import lower_parametrization, parametrizing_of
from netspec.plan import Plan
from netspec.pool import ClassPool
from netspec.program import Argument, Class, Line, Program
from netspec.substitute import symbols
from netspec.tensor import Tensor, Type
from netspec.treatment import scheme_rules
from netspec.visit import names_in, statements_in
from netspec.write import write_expression


def lower(graph: Graph) -> Program:
    """The program of all nets of a spec, in the order of the file, blocks before their users.

    Raises:
        SpecError: where a part has no form that holds for all values of the parameters.
    """
    nets = list(graph.nets.values())
    named = {net.name for net in nets}
    pool = ClassPool(write_class, graph.home, named, *_imported(graph.home))
    pool.note_rules(_rules(graph.home))
    pool.parametrizing = parametrizing_of(graph.home)
    for net in nets:
        try:
            pool.classes.append(_write_net(net, graph, pool))
        except TooComplex:
            found = Diagnostics(graph.source)
            report_complex(net.syntax.name.span, found)
            raise SpecError(found.in_order()) from None
    doc = graph.doc or (nets[0].doc if len(nets) == 1 else "")
    title = f"{', '.join(net.name for net in nets)}."
    return Program(doc or title, write_imports(pool), tuple(pool.classes), pool.imports())


def _imported(home: Home) -> tuple[list[Entry], list[str]]:
    """What is written in Python and named by some definition of a file, or of one that it uses.

    Externs, and the names of registered layers.
    """
    homes = {home.source.name: home}
    pending = [home]
    while pending:
        for entry in pending.pop(0).entries.values():
            if entry.home.source.name not in homes:
                homes[entry.home.source.name] = entry.home
                pending.append(entry.home)
    found: list[Entry] = []
    layers: dict[str, None] = {}
    for known in homes.values():
        named = {
            name.id
            for entry in known.entries.values()
            if isinstance(entry.definition, s.Net | s.Block)
            for name in names_in(tuple(entry.definition))
        }
        found += [entry for name, entry in known.externs().items() if name in named]
        layers |= dict.fromkeys(name for title in sorted(named) for name in own_named(title))
    return found, list(layers)


def _write_net(net: Net, graph: Graph, pool: ClassPool) -> Class:
    facts = generalise_net(net)
    pool.require_general(facts)
    plan = Plan(net.name, facts, net.syntax.body)
    written, _ = write_class(plan, pool)
    pool.require_general(facts)
    return _documented(written, net, plan.facts, graph, len(graph.nets))


def _rules(home: Home) -> list[tuple[s.Init, set[str]]]:
    """All `init` statements that are near, with the classes that they select."""
    statements: list[s.Init] = []
    for entry in home.entries.values():
        statements += entry.home.rules
        if isinstance(entry.definition, s.Net | s.Block):
            statements += [x for x in statements_in(entry.definition.body) if isinstance(x, s.Init)]
    return [
        (
            statement,
            {
                name
                for selector in statement.selectors
                if isinstance(selector, s.Name)
                for name in classes_of(selector.id)
            },
        )
        for statement in scheme_rules(statements)
    ]


def write_class(plan: Plan, pool: ClassPool) -> tuple[Class, tuple[str, ...]]:
    """One class, and the names that its constructor needs besides the parameters."""
    items = lower_constructor(plan, pool)
    initialisation = lower_init(plan, pool)
    parametrized = lower_parametrization(plan, pool)
    named = (*initialisation.names, *parametrized.names)
    plan.required_dims = _dims_of(items, plan, named)
    forward = lower_forward(plan, pool)
    kept = dict.fromkeys([*forward.attributes, *initialisation.kept, *parametrized.kept])
    kept |= dict.fromkeys(sorted(plan.exports))
    needed = needed_names(items, {*kept, *named})
    local = defined_names(items)
    taken = _arguments(plan, needed, local)
    before = [
        Line(f"self.{plan.attribute(n)} = {plan.in_constructor(n)}")
        for n in kept
        if n in taken or n in plan.parameters
    ]
    after = [Line(f"self.{plan.attribute(n)} = {n}") for n in kept if n in local]
    definition = plan.facts.definition
    doc = definition.doc if plan.loop is None else ""
    written = Class(
        name=plan.name,
        doc=doc,
        buffers=tuple(
            item.name.id
            for item in statements_in(plan.body)
            if isinstance(item, s.Variable) and item.kind == "buffer"
        ),
        arguments=_signature(plan, taken),
        constructor=join_branches((*before, *write_items(items, needed, plan), *after)),
        initialisation=initialisation.lines,
        methods=(*initialisation.methods, *parametrized.methods),
        by_class=initialisation.by_class,
        by_name=initialisation.by_name,
        ending=(*parametrized.lines, *initialisation.ending),
        inputs=forward.inputs,
        returns=forward.returns,
        forward_doc="",
        forward=join_branches(forward.lines),
    )
    dims = tuple(name for name in taken if name not in plan.parameters or plan.loop is not None)
    return written._replace(doc=doc or ("" if plan.loop else _block_doc(plan.facts))), dims


def _dims_of(items: Sequence[object], plan: Plan, names: Sequence[str]) -> set[str]:
    """The dimensions that the constructor takes in any case, whatever forward wants."""
    needed = needed_names(items, names)  # type: ignore[arg-type]
    return needed & set(plan.facts.dims)


def _arguments(plan: Plan, needed: set[str], local: set[str]) -> list[str]:
    """What the constructor takes, as the definition calls it: dimensions first."""
    facts = plan.facts
    dims = [name for name in facts.dims if name in needed]
    if plan.loop is None:
        return [*dims, *plan.parameters]
    parameters = [name for name in plan.parameters if name in needed]
    known = {*dims, *parameters, *local}
    rest = [n for n in _mentioned(plan) if n in needed and n not in known and plan.is_constant(n)]
    rest += sorted(needed & (plan.running() | plan.lists()) - known - set(rest))
    handed = [name for name in plan.handed.values() if name in needed]
    return [*dict.fromkeys([*dims, *parameters, *rest, *handed])]


def _mentioned(plan: Plan) -> list[str]:
    """The names of a definition, in the order in which they stand there."""
    return list(dict.fromkeys(name.id for name in names_in(tuple(plan.facts.definition.body))))


def _signature(plan: Plan, taken: Sequence[str]) -> tuple[Argument, ...]:
    arguments: list[Argument] = []
    handed = set(plan.handed.values())
    for name in taken:
        parameter = plan.parameters.get(name)
        if parameter is not None and parameter.type and parameter.type.id == "block":
            uses = [k for k in plan.handed.values() if k == name or k.removeprefix(name).isdigit()]
            uses = uses if plan.loop is None else [name]  # there, each is asked for by its name
            arguments += [Argument(use, "nn.Module") for use in uses]
        elif name in handed:
            arguments.append(Argument(name, "nn.Module"))
        else:
            argument = plan.argument(name)
            arguments.append(argument if plan.loop is None else argument._replace(default=""))
    # Python wants what has no default first.
    required = [item for item in arguments if not item.default]
    return (*required, *(item for item in arguments if item.default))


def _block_doc(facts: Facts) -> str:
    """`(N, C, H, W) to (N, 4 * width, H, W).`, where that can be said in one line."""
    kind = facts.returned
    if isinstance(facts.definition, s.Net) or not isinstance(kind, Tensor):
        return ""
    if any(symbols(dim) & set(facts.named.values()) for dim in kind.shape):
        return ""
    inputs = " and ".join(_write_type(value) for value in facts.inputs.values())
    text = f"{inputs} to {write_sizes(kind)}."
    return text if len(text) <= 76 else ""


# ---- what the class says of itself --------------------------------------------------------------


def _documented(written: Class, net: Net, facts: Facts, graph: Graph, nets: int) -> Class:
    """The class of a net with its documentation, and what it maps to what."""
    if net.doc and (graph.doc or nets > 1):
        return written._replace(doc=net.doc, forward_doc=_mapping(net, facts, 2))
    return written._replace(doc=_mapping(net, facts, 1))


def _mapping(net: Net, facts: Facts, indent: int) -> str:
    """`Map image (N, 1, 28, 28) to logits (N, classes); 61,706 parameters by default.`

    The number is rounded, or left out, where only so all stands in one line.
    """
    inputs = " and ".join(f"{name} {_write_type(value)}" for name, value in facts.inputs.items())
    outputs = " and ".join(_outputs(net, facts))
    brief = f"Map {inputs} to {outputs}."
    whole, rounded = (f"{brief[:-1]}; {count}." for count in _parameter_counts(net))
    fits = [text for text in (whole, rounded, brief) if len(docstring(text, indent)) == 1]
    return fits[0] if fits else whole


def _outputs(net: Net, facts: Facts) -> list[str]:
    declared = net.syntax.outputs
    if declared:
        return [_declared(output) for output in declared]
    kind = facts.returned
    parts: list[Type | None] = [kind] if isinstance(kind, Tensor) or kind is None else list(kind)
    names = [
        port.name if len(net.outputs) > 1 or port.name != "output" else "" for port in net.outputs
    ]
    shown: list[str] = []
    for number, part in enumerate(parts):
        name = names[number] if number < len(names) else ""
        text = write_sizes(part) if isinstance(part, Tensor) else "(…)"
        shown.append(f"{name} {text}".strip())
    return shown


def _declared(output: s.Output) -> str:
    """An output as the signature declares it."""
    sizes = [write_expression(dim) for dim in output.type.shape]
    dtype = output.type.dtype.id if output.type.dtype else "float32"
    shape = f"({sizes[0]},)" if len(sizes) == 1 else f"({', '.join(sizes)})"
    parts = (output.name.id if output.name else "", "" if dtype == "float32" else dtype, shape)
    return " ".join(part for part in parts if part)


def _write_type(value: Value) -> str:
    if isinstance(value, Flow):
        return write_sizes(value.type)
    return ", ".join(_write_type(item) for item in value.items) if isinstance(value, Bundle) else ""


def write_sizes(tensor: Tensor) -> str:
    """`(N, 3, 28, 28)`, as Python writes a shape; with its dtype where that is not float32."""
    dtype = "" if tensor.dtype == "float32" else f"{tensor.dtype} "
    inner = ", ".join(map(str, tensor.shape))
    return f"{dtype}({inner},)" if tensor.rank == 1 else f"{dtype}({inner})"


def _parameter_counts(net: Net) -> tuple[str, str]:
    """`25,557,032 parameters by default`, and with three digits, `25.6M`."""
    total = net.parameter_count()
    least = "at least " if net.externs else ""
    number = value_of(total) or 0
    depends = bool(net.parameters) or (isinstance(total, Expression) and bool(symbols(total)))
    ending = f"{'parameter' if number == 1 else 'parameters'}{' by default' if depends else ''}"
    return f"{least}{number:,} {ending}", f"{least}{_rounded(number)} {ending}"


def _rounded(number: int) -> str:
    for unit, sign in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if number >= unit:
            whole = len(str(number // unit))
            return f"{number / unit:.{max(0, 3 - whole)}f}{sign}"
    return str(number)
