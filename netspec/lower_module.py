"""Turn what a stage names into the call that makes it."""

import re
from typing import Any

from netspec import syntax as s
from netspec.catalogue.layer import Layer
from netspec.dim import Expression, Lookup
from netspec.facts import BlockFact, ExternFact
from netspec.lower_call import call_arguments, write_arguments
from netspec.lower_parametrization import wrap, wraps
from netspec.lower_sizes import Sizes, names_inferred
from netspec.no_formula import report_no_formula, report_no_list
from netspec.placement import device_at
from netspec.plan import Plan
from netspec.pool import ClassPool
from netspec.source import Span
from netspec.substitute import atoms
from netspec.visit import arguments_of, names_in, repeats
from netspec.write import write_expression, write_literal

_KEYWORD = re.compile(r"[^\W\d]\w*=(?!=)")


class Modules:
    """Writes the calls that make the modules of one class.

    `uses`: the names that the calls mention, until they are taken.
    """

    def __init__(self, plan: Plan, pool: ClassPool, sizes: Sizes) -> None:
        self.plan = plan
        self.pool = pool
        self.sizes = sizes
        self.uses: set[str] = set()

    def taken_uses(self) -> frozenset[str]:
        """The names that the calls since the last time mention."""
        uses, self.uses = frozenset(self.uses), set()
        return uses

    def written(self, node: s.Expression) -> str:
        """A build-time value, as the constructor writes it."""
        return write_expression(node, self.plan.in_constructor)

    def note(self, node: s.Expression) -> None:
        """Keep in mind that a call mentions the names of an expression."""
        self.uses |= {name.id for name in names_in(node)}

    def construct(self, stage: s.Stage) -> str:
        """The call that makes what a stage names."""
        facts = self.plan.facts
        match stage.callee:
            case s.Group() as group:
                return self._group(group)
            case s.Repeat(count, inner):
                self._require_one_size(stage.callee)
                element = self.construct(inner)
                self.note(count)
                clause = f"for _ in range({self.written(count)})"
                return f"nn.Sequential(*({element} {clause}))"
        if stage.span in self.plan.handed:
            made = self._handed_on(stage.span)
            device = device_at(facts.definition, stage.span)  # it was made by the user
            return f"{made}.to({write_literal(device)})" if device else made
        if stage.span in facts.blocks:
            return self._block(facts.blocks[stage.span])
        if stage.span in facts.externs:
            return self._extern(facts.externs[stage.span])
        code = self._layer(facts.layers[stage.span].layer, stage.callee)
        around = wraps(stage, self.pool)
        for argument in around:
            self.note(argument.value)
        return wrap(code, around, self.plan)

    def _layer(self, layer: Layer, callee: Any) -> str:
        """The call that makes a layer, with those that it takes made in its arguments."""
        self.uses |= names_inferred(layer)
        arguments = arguments_of(callee)
        for argument in arguments:
            self.note(argument.value)
        written = write_arguments(arguments, self.plan.in_constructor)
        names = layer.positional()
        for place, argument in enumerate(arguments):
            key = argument.name.id if argument.name else names[min(place, len(names) - 1)]
            part = layer.given.get(key)
            if isinstance(part, Layer):
                code = self._layer(part, argument.value)
                written[place] = written[place]._replace(text=code, constant=False)
        texts = call_arguments(layer, written, self.plan.in_constructor)
        placed = sum(not _KEYWORD.match(text) for text in texts)
        self.pool.note_layer(layer, self.plan.facts.home.source, callee.span, placed)
        return f"{self.pool.layer_class(type(layer).__name__)}({', '.join(texts)})"

    def _group(self, group: s.Group) -> str:
        entries = self._entries(group)
        if any(part.label for part, _ in entries):
            pairs = [
                f'("{part.label.id if part.label else number}", {code})'
                for number, (part, code) in enumerate(entries)
            ]
            return f"nn.Sequential(OrderedDict([{', '.join(pairs)}]))"
        return f"nn.Sequential({', '.join(code for _, code in entries)})"

    def _entries(self, group: s.Group) -> list[tuple[s.Stage, str]]:
        entries: list[tuple[s.Stage, str]] = []
        for part in group.stages:
            match part.callee:
                case s.Group() as inner if part.label is None:
                    entries += self._entries(inner)
                case s.Repeat(count, stage) if part.label is None:
                    element = self.construct(stage)
                    self.note(count)
                    clause = f"for _ in range({self.written(count)})"
                    entries.append((part, f"*({element} {clause})"))
                case _:
                    entries.append((part, self.construct(part)))
        return entries

    def _block(self, fact: BlockFact) -> str:
        made = self.pool.block_class(fact)
        definition = fact.entry.definition
        arguments: list[str] = []
        for name in made.dims:
            self._require_formula(name, fact)
            text, uses = self.sizes.sized(fact.dims[name])
            self.uses |= uses
            arguments.append(text)
        by_position = True
        written = _by_parameter(definition, fact.stage)
        for parameter in definition.parameters:
            name = parameter.name.id
            takes = [n for n in made.handed if n[0] == name]
            if parameter.type is not None and parameter.type.id == "block":
                for _, keyword in takes:
                    code = self._handed(fact, name, written.get(name))
                    arguments.append(code if by_position else f"{keyword}={code}")
                by_position = by_position and len(takes) > 0
                continue
            argument_ = written.get(name)
            if argument_ is None:
                by_position = False
                continue
            self.note(argument_.value)
            text = self.written(argument_.value)
            by_position = by_position and argument_.name is None
            arguments.append(text if by_position else f"{name}={text}")
        return f"{made.name}({', '.join(arguments)})"

    def _extern(self, fact: ExternFact) -> str:
        """What is written in Python: its arguments in the order of its signature."""
        definition = fact.entry.definition
        written = _by_parameter(definition, fact.stage)
        arguments: list[str] = []
        by_position = True
        for parameter in definition.parameters:
            argument = written.get(parameter.name.id)
            by_position = by_position and argument is not None and argument.name is None
            if argument is not None:
                self.note(argument.value)
                text = self.written(argument.value)
                arguments.append(text if by_position else f"{parameter.name.id}={text}")
        name = self.pool.extern_class(fact.entry)
        self.pool.note_positions(name, sum(item.name is None for item in written.values()))
        return f"{name}({', '.join(arguments)})"

    def _require_formula(self, name: str, fact: BlockFact) -> None:
        facts = self.plan.facts
        dim = fact.dims[name]
        if isinstance(dim, Expression) and any(a.frame != facts.frame for a in atoms(dim)):
            report_no_formula(name, fact.stage.callee.span, facts.found, own=False)
        for atom in atoms(dim):
            if isinstance(atom, Lookup) and atom.name in facts.unfilled:
                report_no_list(facts.unfilled[atom.name], facts.found)

    def _require_one_size(self, repeat: s.Repeat) -> None:
        """Refuse a `repeat` inside of another whose layers get sizes that change in it."""
        facts = self.plan.facts
        wanted = self.sizes.wanted()
        if any(running.name in wanted for running in facts.running.get(repeat.span, ())):
            facts.found.add(
                "no-formula",
                "the layers of a `repeat` inside of another get sizes that change",
                repeat.span,
                label="its first layer gets another size than those behind it",
                help="write `for … in range(…) { … }` for the outer one, or put the first layer "
                "before both",
            )

    def _handed(self, fact: BlockFact, name: str, argument: s.Argument | None) -> str:
        """A block that is handed to a block: made here, or handed on."""
        if argument is not None and argument.value.span in self.plan.handed:
            return self._handed_on(argument.value.span)
        given = fact.values[name]
        stage = given.stage
        if isinstance(stage.callee, s.Group):
            return self._group(stage.callee)
        return self.construct(stage)

    def _handed_on(self, span: Span) -> str:
        """What the constructor was handed for a place; in a loop, a copy for each turn."""
        name = self.plan.handed[span]
        self.uses.add(name)
        return f"deepcopy({name})" if repeats(self.plan.body, span) else name


def _by_parameter(definition: s.Net | s.Block | s.Extern, stage: s.Stage) -> dict[str, s.Argument]:
    """What a stage gives, by the parameter that it is for."""
    known = [parameter.name.id for parameter in definition.parameters]
    return {
        argument.name.id if argument.name else known[position]: argument
        for position, argument in enumerate(arguments_of(stage.callee))
    }
