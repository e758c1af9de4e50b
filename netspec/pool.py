"""The classes of a program: one for each net, for each block as it is used, for turns of loops."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from netspec import syntax as s
from netspec.catalogue.layer import LAYERS, Layer
from netspec.catalogue.registry import is_own
from netspec.catalogue.signature import MISSING
from netspec.check_signature import default_value
from netspec.diagnostic import Diagnostics, SpecError
from netspec.facts import BlockFact, Facts
from netspec.flow import type_of
from netspec.generalise import generalise_block
from netspec.home import Entry, Home
from netspec.names import free_name
from netspec.plan import Plan
from netspec.program import Class, Import
from netspec.source import Source, Span
from netspec.tensor import Tensor, Type


class Made(NamedTuple):
    """A class that has been written: what its constructor takes before the parameters.

    `dims`: the dimensions of the signature that it needs, as the definition calls them; `handed`:
    for each use of a block that is a parameter, the parameter and the constructor's keyword.
    """

    name: str
    dims: tuple[str, ...]
    handed: tuple[tuple[str, str], ...]
    plan: Plan


class Parametrizing(NamedTuple):
    """What a spec says of parametrizations as a whole.

    `late`: a rule of initialisation may meet a parameter that is parametrized; all that initialises
    comes first then. `rules`: how often each parameter is named.
    """

    late: bool
    rules: Counter[str]


Write = Callable[[Plan, "ClassPool"], tuple[Class, tuple[str, ...]]]


class ClassPool:
    """Writes each class once, those that others use before them."""

    def __init__(
        self,
        write: Write,
        home: Home,
        reserved: set[str],
        externs: Sequence[Entry],
        layers: Sequence[str],
    ) -> None:
        self.write = write
        self.home = home
        self.externs = externs
        self.classes: list[Class] = []
        self.made: dict[Any, Made] = {}
        self.loops: dict[Any, tuple[Plan, tuple[str, ...]]] = {}
        self.names = set(reserved)
        self.known = self._name_externs()
        self.aliases = self._name_layers(layers)
        self.layers: dict[str, Import] = {}  # by the name of the layer
        self.imported: set[str] = set()  # the externs that the classes mention
        self.placed: dict[str, int] = {}  # their arguments that are given by position
        self.selections: list[tuple[s.Init, set[str]]] = []
        self.selected: set[str] = set()
        self.parametrizing = Parametrizing(False, Counter())

    def _name_externs(self) -> dict[tuple[str, str], Import]:
        """All externs that are near by module and class; two of one name are told apart."""
        known: dict[tuple[str, str], Import] = {}
        for definition, home, _ in self.externs:
            assert isinstance(definition, s.Extern)
            module, name = str(definition.module.value), definition.name
            if (module, name.id) not in known:
                alias = free_name(name.id, lambda candidate: candidate in self.names)
                self.names.add(alias)
                quiet = Diagnostics(home.source)
                known[module, name.id] = Import(
                    alias,
                    module,
                    name.id,
                    tuple(p.name.id for p in definition.parameters),
                    {
                        p.name.id: default_value(p, quiet)
                        for p in definition.parameters
                        if p.default is not None
                    },
                    home.source,
                    name.span,
                    definition.module.span,
                )
        return known

    def _name_layers(self, layers: Sequence[str]) -> dict[str, str]:
        """What the program calls the classes of registered layers that are near, by the layers.

        One in lower case would be taken for a variable: the program calls it as its layer.
        """
        taken = {(item.module, item.name): item.alias for item in self.known.values()}
        aliases: dict[str, str] = {}
        for title in layers:
            module, _, name = LAYERS[title].torch.rpartition(".")
            if (module, name) not in taken:
                wanted = name if name[0].isupper() else title
                taken[module, name] = free_name(wanted, lambda candidate: candidate in self.names)
                self.names.add(taken[module, name])
            aliases[title] = taken[module, name]
        return aliases

    def layer_class(self, title: str) -> str:
        """What the program calls the class of a layer."""
        layer = LAYERS[title]
        return self.aliases[title] if is_own(layer) else layer.torch.removeprefix("torch.")

    def keep_apart(self, title: str, others: set[str]) -> None:
        """Keep in mind that a rule means a registered layer, and none of the `others`."""
        known = self.layers[title]
        self.layers[title] = known._replace(apart=known.apart | others)

    def note_layer(self, layer: Layer, source: Source, span: Span, placed: int) -> None:
        """Keep in mind that a layer is made there, with so many arguments by position."""
        title = type(layer).__name__
        if not is_own(type(layer)):
            return
        known = self.layers.get(title)
        if known is not None:
            self.layers[title] = known._replace(placed=max(placed, known.placed))
            return
        module, _, name = layer.torch.rpartition(".")
        fields = layer.fields().values()
        defaults = {f.name: f.default for f in fields if f.default is not MISSING}
        names = tuple(field.name for field in fields)
        self.layers[title] = Import(
            self.aliases[title], module, name, names, defaults, source, span, span, placed, title
        )

    def extern_name(self, entry: Entry) -> str:
        """What the program calls an extern."""
        definition = entry.definition
        assert isinstance(definition, s.Extern)
        return self.known[str(definition.module.value), definition.name.id].alias

    def extern_class(self, entry: Entry) -> str:
        """What the program calls an extern, which it imports from now on."""
        name = self.extern_name(entry)
        self.imported.add(name)
        return name

    def note_positions(self, name: str, count: int) -> None:
        """Keep in mind that so many arguments of an extern are given by position."""
        self.placed[name] = max(count, self.placed.get(name, 0))

    def imports(self) -> tuple[Import, ...]:
        """The externs and the registered layers that the classes mention."""
        externs = (
            item._replace(placed=self.placed.get(item.alias, 0))
            for item in self.known.values()
            if item.alias in self.imported
        )
        return (*externs, *self.layers.values())

    def note_rules(self, rules: list[tuple[s.Init, set[str]]]) -> None:
        """Keep in mind which classes of layers `init` statements select, and where."""
        self.selections = rules
        self.selected = {name for _, names in rules for name in names}

    def require_general(self, facts: Facts) -> None:
        """Refuse a definition that holds for some values of its parameters only.

        Raises:
            SpecError: naming what has no form that holds for all.
        """
        if facts.found.has_errors:
            raise SpecError(facts.found.in_order())

    def block_class(self, fact: BlockFact) -> Made:
        """The class of a block, for tensors of these ranks."""
        definition, home, _ = fact.entry
        ranks = tuple(_ranks(type_of(value)) for value in fact.inputs)
        key = (home.source.name, definition.span, ranks)
        if key in self.made:
            return self.made[key]
        assert isinstance(definition, s.Block)
        made = self._write_block(fact, definition, ranks)
        self.made[key] = made
        return made

    def _write_block(self, fact: BlockFact, definition: s.Block, ranks: tuple[Any, ...]) -> Made:
        name = definition.name.id
        same = [m for k, m in self.made.items() if k[1] == definition.span]
        if same and isinstance(ranks[0], int) and ranks[0] > 2:
            name = f"{name}{ranks[0] - 2}d"
        name = free_name(name, lambda candidate: candidate in self.names)
        self.names.add(name)
        facts = generalise_block(fact)
        self.require_general(facts)
        plan = Plan(name, facts, definition.body)
        plan.foreign = fact.entry.home is not self.home
        written, dims = self.write(plan, self)
        self.require_general(facts)
        self.classes.append(written)
        blocks = [
            p.name.id for p in definition.parameters if p.type is not None and p.type.id == "block"
        ]
        handed = tuple(
            (block, keyword)
            for block in blocks
            for keyword in plan.handed.values()
            if keyword == block or keyword.removeprefix(block).isdigit()
        )
        return Made(name, dims, handed, plan)

    def loop_class(
        self, parent: Plan, loop: s.For, exports: set[str]
    ) -> tuple[str, tuple[str, ...]]:
        """The call that makes the layers of one turn of a loop, and the names that it mentions."""
        place = parent.facts.names.loops[loop.span]
        stem = _class_stem(place.name)
        name = free_name(f"{parent.name}{stem}", lambda candidate: candidate in self.names)
        self.names.add(name)
        plan = Plan(name, parent.facts, loop.body, loop)
        plan.dim_names = parent.dim_names
        plan.exports = exports
        written, needed = self.write(plan, self)
        self.classes.append(written)
        self.loops[parent.name, loop.span] = (plan, needed)
        handed = set(parent.handed.values())
        given = [
            f"deepcopy({n})" if n in handed else parent.in_constructor(n)  # each turn has its own
            for n in needed
        ]
        return f"{name}({', '.join(given)})", needed


def _class_stem(container: str) -> str:
    """`layers` holds layers, `h` blocks."""
    word = container.rstrip("_0123456789")
    if len(word) < 2:
        return "Block"
    single = word[:-1] if word.endswith("s") and not word.endswith("ss") else word
    return "".join(part.capitalize() for part in single.split("_"))


def _ranks(kind: Type | None) -> Any:
    if isinstance(kind, Tensor):
        return kind.rank
    return tuple(_ranks(part) for part in kind) if kind is not None else None
