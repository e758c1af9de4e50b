"""Read what stands in a train section and in its steps: settings, values, and what is neither."""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from netspec import syntax as s
from netspec.catalogue.optimizer import OPTIMIZERS
from netspec.diagnostic import Diagnostics, did_you_mean
from netspec.names import listing
from netspec.settings import KINDS
from netspec.source import Span
from netspec.step_body import Value, statements_of, values_for
from netspec.unread import unread_of
from netspec.visit import names_in

OF_STEP = ("loss", "optimizer", "scheduler")
_OTHERS = ("data", "validation_data", "fields", "transforms", "metrics")
_READ = ("metrics", "samples")  # what reads values, wherever it stands in the section
SETTINGS = (*_OTHERS, *OF_STEP, *KINDS, "samples")
_OF_CONSTANTS = ("data", "validation_data", "optimizer", "scheduler", *KINDS)  # of no tensors
_EXAMPLES = {
    "data": "data = MNIST5k()",
    "loss": "loss = cross_entropy(logits, label)",
    "optimizer": "optimizer = SGD(lr=0.01, momentum=0.9)",
}
_OF_OPTIMIZER = {
    "lr": "lr",
    "learning_rate": "lr",
    "momentum": "momentum",
    "weight_decay": "weight_decay",
}
_STARTS = ("weights", "pretrained", "checkpoint")


class Part(NamedTuple):
    """What stands in a section, or in a step of one: settings by name, and values in order."""

    name: s.Name | None
    settings: dict[str, s.Assign]
    values: list[Value]
    items: Sequence[Any]

    @property
    def title(self) -> str:
        """The name of a step, "" for what is none."""
        return self.name.id if self.name else ""


class Section:
    """A section: what stands in the `whole` of it, and its `parts`, the steps if there are any.

    Settings that are unknown or that stand twice are reported when it is made.
    """

    def __init__(self, train: s.Train, found: Diagnostics) -> None:
        self.train = train
        self.found = found
        self.steps = [item for item in train.items if isinstance(item, s.Step)]
        self.unread = unread_of(train, found.source)
        self.whole = self._part(None, train.items, self.steps)
        self.parts = [self._part(step.name, step.items) for step in self.steps] or [self.whole]
        self.drawn = self._take_drawn()

    def _part(
        self, name: s.Name | None, items: Sequence[Any], steps: Sequence[s.Step] = ()
    ) -> Part:
        """The settings and the values of a section; what is neither is reported."""
        part = Part(name, {}, [], items)
        values = list(statements_of(items))
        inner = [item for step in steps for item in statements_of(step.items)]
        for number, item in enumerate(values):
            target = item.target if isinstance(item, s.Assign) else None
            if isinstance(item, s.LayerDefinition):
                part.values.append(item)
                if not self._is_read(item.name.id, [*values[number + 1 :], *inner]):
                    self._unused_layer(item.name)
            elif not isinstance(target, s.Name):
                part.values.append(item)
            elif target.id in SETTINGS:
                self._note(part, target.id, item)
            elif self._is_read(target.id, [*values[number + 1 :], *inner]):
                part.values.append(item)
            else:
                self._unknown_setting(target, item.value)
        return part

    def _take_drawn(self) -> list[Value]:
        """The values that `samples` is worked out from; no step computes what only it reads."""
        if "samples" not in self.whole.settings:
            return []
        values = list(self.whole.values)
        drawn = values_for(values, _names([self.whole.settings["samples"]]))
        inner = [item for step in self.steps for item in statements_of(step.items)]
        settings = [item for key, item in self.whole.settings.items() if key != "samples"]
        others = values_for(values, {"loss", *_names(inner), *_names(settings)})
        if not self.unread:
            self.whole.values[:] = [x for x in values if x in others or x not in drawn]
        return drawn

    def _is_read(self, name: str, rest: Sequence[Value]) -> bool:
        """Whether it is read: by what follows, metrics, samples, or what could not be read."""
        others = [
            x for x in statements_of(self.train.items) for key in _READ if _is_setting(x, key)
        ]
        return name in _names([*rest, *others]) or any(
            unread.mentions(name) for unread in self.unread
        )

    def _note(self, part: Part, key: str, item: s.Assign) -> None:
        if key not in part.settings:
            part.settings[key] = item
            if key == "loss":
                part.values.append(item)
            return
        self.found.add(
            "duplicate-setting",
            f"`{key}` is set twice",
            item.target.span,
            label="set again here",
            help="remove one of the two",
        )

    def _unknown_setting(self, name: s.Name, value: s.Expression) -> None:
        self.found.add(
            "unknown-setting",
            f"unknown setting `{name.id}`",
            name.span,
            label="no setting of a train section, and no value that a loss reads",
            help=self._elsewhere(name.id, value)
            or did_you_mean(name.id, SETTINGS)
            or f"settings are {listing(SETTINGS, 12)}",
        )

    def _elsewhere(self, name: str, value: s.Expression) -> str:
        """Where something is said that is no setting here, though other frameworks have it so."""
        written = self.found.source.cut(value.span)
        path = written if isinstance(value, s.Literal) and isinstance(value.value, str) else ""
        if name in _OF_OPTIMIZER:
            key = _OF_OPTIMIZER[name]
            return (
                f"give it to the optimiser: `optimizer = {self._optimizer(key)}({key}={written})`"
            )
        if name == "device":
            return f"""write `device {path or '"auto"'}` outside of the section"""
        if name in _STARTS:
            return f"""write `from {path or '"weights.pt"'}`, without `{name} =`"""
        return ""

    def _optimizer(self, argument: str) -> str:
        """The optimiser of the section, or one that takes this argument."""
        values = statements_of(self.train.items)
        settings = [item for item in values if _is_setting(item, "optimizer")]
        titles = [name.id for name in names_in(tuple(settings)) if name.id != "optimizer"]
        known = [x for x in titles[:1] if x in OPTIMIZERS and argument in OPTIMIZERS[x].fields()]
        return next(iter(known), "SGD")

    def _unused_layer(self, name: s.Name) -> None:
        self.found.add(
            "unused-layer",
            f"layer `{name.id}` is never applied",
            name.span,
            label="no value that follows reads it",
            help=f"apply it, as in `{name.id}(logits)`, or remove it",
        )

    def check_placement(self) -> None:
        """Report what stands in a step and belongs to the section, or the other way round."""
        for step, part in zip(self.steps, self.parts, strict=bool(self.steps)):
            where, way = "a step", "write it in the section, beside the steps"
            for key, item in part.settings.items():
                if key not in OF_STEP:
                    self._misplaced(key, item.target.span, where, way)
            for other in step.items:
                if isinstance(other, s.Freeze | s.Start):
                    word = "freeze" if isinstance(other, s.Freeze) else "from"
                    self._misplaced(word, other.span, where, way)
        if self.steps:
            where, way = "a section with steps", "write it in each step"
            for key in OF_STEP:
                if key in self.whole.settings:
                    self._misplaced(key, self.whole.settings[key].target.span, where, way)
            for other in self.train.items:
                if isinstance(other, s.Options):
                    self._misplaced("group", other.span, where, "write it in a step")

    def _misplaced(self, key: str, place: Span, where: str, help: str) -> None:
        self.found.add(
            "misplaced-setting",
            f"`{key}` cannot stand in {where}",
            place,
            label="not here",
            help=help,
        )

    def require(self) -> None:
        """Report settings that are missing."""
        if self.unread:
            return
        wanted = [("data", self.whole, self.train.name)]
        for part in self.parts:
            place = part.name or self.train.name
            wanted += [(name, part, place) for name in ("loss", "optimizer")]
        for name, part, place in wanted:
            if name not in part.settings:
                what = f"the step `{place.id}`" if part.name else f"the training of `{place.id}`"
                self.found.add(
                    "missing-setting",
                    f"{what} needs `{name}`",
                    place.span,
                    label=f"`{name}` is missing",
                    help=f"add a line like `{_EXAMPLES[name]}`",
                )


def constants_in(train: s.Train, fields: Collection[str]) -> set[str]:
    """The names of build-time values that a section reads; a field or a value may hide one."""
    steps = [item for item in train.items if isinstance(item, s.Step)]
    items = [*train.items, *(item for step in steps for item in step.items)]
    values = [*statements_of(items)]
    made = {name.id for x in values if isinstance(x, s.Assign) for name in names_in(x.target)}
    settings = [x for x in values if any(_is_setting(x, key) for key in _OF_CONSTANTS)]
    plain = [item.arguments for item in items if isinstance(item, s.Options)]
    others = [item for item in values if item not in settings and not _is_setting(item, "fields")]
    read = _names(settings) | {name.id for name in names_in(tuple(plain))}
    return read | (_names(others) - made - set(fields))


def _names(items: Sequence[Value]) -> set[str]:
    """The names that statements read."""
    values = [item.value if isinstance(item, s.Assign) else item.callee for item in items]
    return {name.id for name in names_in(tuple(values))}


def _is_setting(item: Value, name: str) -> bool:
    return isinstance(item, s.Assign) and isinstance(item.target, s.Name) and item.target.id == name
