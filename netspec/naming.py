"""Give every layer of a net or block the attribute that holds it, from the syntax alone."""

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any, NamedTuple

from netspec import syntax as s
from netspec.diagnostic import Diagnostics
from netspec.names import free_name, label_problem, layer_stem, numbered_name
from netspec.source import Span
from netspec.visit import arguments_of, names_in, spanless, stages_in, statements_in, title_of


class Kind(NamedTuple):
    """What a name stands for as a stage.

    `title` is what an unlabelled one is called after; `stateless`: one module serves everywhere.
    """

    title: str
    stateless: bool = False
    parameter: bool = False  # a block that the definition takes as a parameter


Resolve = Callable[[str], Kind | None]


class Loop(NamedTuple):
    """The container of a loop's layers; `level`: each turn has layers with names of their own."""

    name: str
    level: bool


class Names(NamedTuple):
    """Attributes by the span of the stage, the `layer` statement or the `repeat` that they hold.

    "" stands for a loop's only layer, which is the container's element itself. Loops without
    layers are not in `loops`. `hoisted`: stateless layers that one module serves.
    """

    stages: dict[Span, str]
    loops: dict[Span, Loop]
    hoisted: set[Span]
    shared: set[str]

    def attributes(self) -> set[str]:
        """The names that modules and bare tensors have in their class, or in turns of its loops."""
        return {*self.stages.values(), *(loop.name for loop in self.loops.values())} - {""}

    def presence(self, name: str, body: tuple[s.Statement, ...]) -> bool | None:
        """Whether the class has an attribute of that name; None where its parameters decide.

        What stands in a loop is an attribute of the loop's turns.
        """
        inside = [x for x in statements_in(body) if isinstance(x, s.If | s.For)]
        spans = [span for span, known in self.stages.items() if known == name]
        around = [[x for x in inside if x.span.start <= at.start < x.span.end] for at in spans]
        own = [places for places in around if not any(isinstance(x, s.For) for x in places)]
        for span, loop in self.loops.items():
            if loop.name == name:
                own.append([x for x in inside if x.span.start < span.start < x.span.end])
        return not all(own) or (None if own else False)


class _Built(NamedTuple):
    """A module that a level builds; `branches`: the sides of the `if`s that it stands in."""

    span: Span
    label: s.Name | None
    kind: Kind
    plain: bool  # a stage, not a loop or a `layer`
    branches: tuple[tuple[Span, bool], ...] = ()
    key: str = ""  # for stateless layers: class and arguments


def name_layers(
    body: Sequence[s.Statement], parameters: set[str], resolve: Resolve, found: Diagnostics
) -> Names:
    """Work out the names of all layers in a body; duplicate and reserved labels go to `found`."""
    namer = _Namer(resolve, found)
    built, free = namer.collect(body, (), set())
    namer.name_level([*built, *free], set())
    return namer.names


class _Namer:
    def __init__(self, resolve: Resolve, found: Diagnostics) -> None:
        self.resolve = resolve
        self.found = found
        self.names = Names({}, {}, set(), set())
        self.bodies: dict[Span, tuple[list[_Built], list[_Built]]] = {}
        self.twice: set[Span] = set()  # labels that stand here a second time
        self.arguments: dict[Span, set[str]] = {}  # the names that stateless layers depend on

    # ---- what a body builds ------------------------------------------------------------------

    def collect(
        self,
        body: Sequence[s.Statement],
        branches: tuple[tuple[Span, bool], ...],
        bound: set[str],
    ) -> tuple[list[_Built], list[_Built]]:
        """The modules that a body builds, and the stateless ones that a level above can hold."""
        built: list[_Built] = []
        free: list[_Built] = []
        for statement in body:
            match statement:
                case s.LayerDefinition(name, callee, _, span):
                    title = title_of(callee)
                    kind = (self.resolve(title) if title else None) or Kind(title)
                    built.append(
                        _Built(span, name, kind._replace(stateless=False), False, branches)
                    )
                    self.names.shared.add(name.id)
                case s.Variable(_, name, _, _, span):
                    built.append(_Built(span, name, Kind(name.id), False, branches))
                case s.For():
                    self._collect_loop(statement, branches, built, free)
                case s.If(test, then, other, span):
                    self._collect_stages(test, branches, bound, built, free)
                    for side, part in ((True, then), (False, other)):
                        more, loose = self.collect(part, (*branches, (span, side)), bound)
                        built += more
                        free += loose
                case s.Let(name):
                    bound.add(name.id)
                case s.Assign(_, value) | s.Return(value):
                    self._collect_stages(value, branches, bound, built, free)
        return built, free

    def _collect_loop(
        self,
        loop: s.For,
        branches: tuple[tuple[Span, bool], ...],
        built: list[_Built],
        free: list[_Built],
    ) -> None:
        bound = {name.id for name in names_in(loop.target)}
        inner, loose = self.collect(loop.body, (), bound)
        dependent = [item for item in loose if self._depends(item, bound)]
        loose = [item for item in loose if item not in dependent]
        inner = sorted([*inner, *dependent], key=lambda item: item.span)
        if not inner and loop.label is None:
            free += [item._replace(branches=branches) for item in loose]
            return
        only = len(inner) == 1 and inner[0].plain and inner[0].label is None
        level = not (only and not inner[0].branches)
        if not level:
            free += [item._replace(branches=branches) for item in loose]
            loose = []
        self.bodies[loop.span] = (inner, loose)
        title = "Layer" if level or not inner else inner[0].kind.title
        built.append(_Built(loop.span, loop.label, Kind(title), False, branches))
        self.names.loops[loop.span] = Loop("", level)

    def _depends(self, item: _Built, bound: set[str]) -> bool:
        return any(name in bound for name in self.arguments.get(item.span, ()))

    def _collect_stages(
        self,
        node: Any,
        branches: tuple[tuple[Span, bool], ...],
        bound: set[str],
        built: list[_Built],
        free: list[_Built],
    ) -> None:
        for stage in stages_in(node, lambda name: self.resolve(name) is not None):
            self._collect_stage(stage, branches, bound, built, free)

    def _collect_stage(
        self,
        stage: s.Stage,
        branches: tuple[tuple[Span, bool], ...],
        bound: set[str],
        built: list[_Built],
        free: list[_Built],
    ) -> None:
        match stage.callee:
            case s.Group(stages) if stage.label is None:
                for part in stages:
                    self._collect_stage(part, branches, bound, built, free)
                return
            case s.Group():
                built.append(_Built(stage.span, stage.label, Kind("Sequential"), True, branches))
                return
            case s.Repeat():
                kind = self.resolve(title_of(_innermost(stage).callee))
                title = (kind.title if kind else "") or "Layer"
                repeated = Kind(f"{title} repeated")
                built.append(_Built(stage.span, stage.label, repeated, False, branches))
                return
        title = title_of(stage.callee)
        kind = self.resolve(title) if title not in self.names.shared else None
        if kind is None:
            return
        key = _key(stage.callee, title)
        item = _Built(stage.span, stage.label, kind, True, branches, key)
        if kind.stateless and stage.label is None and stage.schemes is None:
            self._note_arguments(stage)
            free.append(item)
        else:
            built.append(item)

    def _note_arguments(self, stage: s.Stage) -> None:
        arguments = arguments_of(stage.callee)
        names = {name.id for argument in arguments for name in names_in(argument.value)}
        self.arguments[stage.span] = names

    # ---- names -------------------------------------------------------------------------------

    def name_level(self, built: list[_Built], reserved: set[str]) -> None:
        """Name what one level builds: labels first, then the others around them."""
        labels = self._labels(built)
        used = set(labels) | reserved
        serving: dict[str, str] = {}
        numbers: dict[str, Iterator[int]] = {}  # the next number for each stem

        def taken(name: str) -> bool:
            return name in used or label_problem(name) is not None

        for item in sorted(built, key=lambda item: item.span):
            if item.label is not None and item.span not in self.twice:
                name = item.label.id
            elif item.kind.stateless and item.key in serving and item.key:
                name = serving[item.key]
                self.names.hoisted.add(item.span)
            else:
                name = _automatic(item, taken, item.span in self.names.loops, numbers)
                if item.kind.stateless and item.plain:
                    serving[item.key] = name
                    self.names.hoisted.add(item.span)
            used.add(name)
            self._settle(item, name)

    def _settle(self, item: _Built, name: str) -> None:
        loop = self.names.loops.get(item.span)
        if loop is None:
            self.names.stages[item.span] = name
            return
        self.names.loops[item.span] = Loop(name, loop.level)
        inner, loose = self.bodies[item.span]
        if loop.level:
            self.name_level([*inner, *loose], set())
        else:
            self.names.stages[inner[0].span] = ""

    def _labels(self, built: list[_Built]) -> dict[str, list[_Built]]:
        labels: dict[str, list[_Built]] = {}
        for item in sorted(built, key=lambda item: item.span):
            if item.label is None:
                continue
            name = item.label
            problem = label_problem(name.id)
            if problem:
                code, why = problem
                help = f"call the layer `{name.id}_`, say"
                self.found.add(code, why, name.span, label="not free", help=help)
            for other in labels.get(name.id, []):
                if not _exclusive(item, other):
                    self._report_duplicate(name, other)
                    self.twice.add(item.span)
                    break
            labels.setdefault(name.id, []).append(item)
        return labels

    def _report_duplicate(self, name: s.Name, other: _Built) -> None:
        line, _ = self.found.source.position(other.span.start)
        self.found.add(
            "duplicate-label",
            f"there is a layer `{name.id}` already",
            name.span,
            label="the same name again",
            notes=(f"the first one is in line {line}",),
            help="give it another label; to share weights, name the layer once with `layer`",
        )


def _exclusive(one: _Built, other: _Built) -> bool:
    """Whether two modules stand on different sides of an `if`, so that only one is built."""
    sides = dict(one.branches)
    return any(sides.get(span, side) != side for span, side in other.branches)


def _automatic(
    item: _Built, taken: Callable[[str], bool], loop: bool, numbers: dict[str, Iterator[int]]
) -> str:
    title = item.kind.title
    if item.kind.parameter:
        return free_name(title, taken)
    if loop and title == "Layer":
        return free_name("layers", taken)
    if loop or title.endswith(" repeated"):
        stem = layer_stem(title.removesuffix(" repeated"))
        return free_name(stem if stem.endswith("s") else f"{stem}s", taken)
    stem = layer_stem(title)
    if item.kind.stateless:
        return free_name(stem, taken)
    return numbered_name(stem, taken, numbers.setdefault(stem, count(1)))


def _innermost(stage: s.Stage) -> s.Stage:
    while isinstance(stage.callee, s.Repeat):
        stage = stage.callee.stage
    if isinstance(stage.callee, s.Group):
        first: s.Stage = stage.callee.stages[0]
        return first
    return stage


def _key(callee: Any, title: str) -> str:
    arguments = arguments_of(callee)
    return title + repr([(a.name and a.name.id, spanless(a.value)) for a in arguments])
