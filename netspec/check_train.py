"""Check a `train` section: its nets, its data, what it computes in a step, how it optimises."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from netspec import syntax as s
from netspec.catalogue.dataset import Dataset
from netspec.check_data import (
    Fields,
    check_feed,
    check_fields,
    check_split,
    check_validation,
    read_dataset,
)
from netspec.check_optimizer import check_optimizer
from netspec.check_settings import check_settings
from netspec.check_step import (
    Named,
    check_counts,
    check_metrics,
    check_step,
    items_of,
    operands_in,
    read_metrics,
)
from netspec.check_trained import check_nets
from netspec.check_transforms import check_transforms, settle
from netspec.diagnostic import Diagnostics, did_you_mean
from netspec.dim import Dim, substitute
from netspec.graph import Net
from netspec.names import listing
from netspec.settings import KINDS, Settings
from netspec.step_body import Body, statements_of
from netspec.tensor import Tensor
from netspec.training import Step, TrainedNet, Training
from netspec.unread import unread_of
from netspec.visit import names_in

_OF_STEP = ("loss", "optimizer", "scheduler")
_OTHERS = ("data", "validation_data", "fields", "transforms", "metrics")
SETTINGS = (*_OTHERS, *_OF_STEP, *KINDS)
_EXAMPLES = {
    "data": "data = MNIST5k()",
    "loss": "loss = cross_entropy(logits, label)",
    "optimizer": "optimizer = SGD(lr=0.01, momentum=0.9)",
}


def check_train(
    train: s.Train,
    nets: Mapping[str, Net],
    sources: Mapping[str, s.ExternData | None],
    found: Diagnostics,
) -> Training | None:
    """The training that a section describes; None after reporting why there is none.

    `sources`: the data of the file that is read in Python; None for what has been reported.
    """
    before = found.error_count
    trained = check_nets(train, nets, found)
    if trained is None:
        return None
    training = _Section(train, trained, sources, found).check()
    return training if found.error_count == before else None


class _Part(NamedTuple):
    """What stands in a section, or in a step of one: settings by name, and values in order."""

    name: s.Name | None
    settings: dict[str, s.Assign]
    values: list[s.Assign | s.LayerDefinition]
    items: Sequence[Any]


class _Section:
    def __init__(
        self,
        train: s.Train,
        trained: Sequence[TrainedNet],
        sources: Mapping[str, s.ExternData | None],
        found: Diagnostics,
    ) -> None:
        self.train = train
        self.sources = sources
        self.trained = trained
        self.found = found
        self.scope = _constants(trained)
        self.steps = [item for item in train.items if isinstance(item, s.Step)]
        self.unread = unread_of(train, found.source)
        self.whole = self._part(None, train.items)
        self.parts = [self._part(step.name, step.items) for step in self.steps] or [self.whole]

    def check(self) -> Training | None:
        self._check_placement()
        self._require()
        settings = check_settings(self.whole.settings, self.scope, len(self.parts), self.found)
        dataset, other = self._dataset("data"), self._dataset("validation_data")
        fields = None
        if dataset is not None:
            named = self.whole.settings.get("fields")
            fields = check_fields(dataset, named and named.value, self.found)
        settings = self._validated(dataset, other, settings)
        if dataset is None or fields is None:
            self._check_optimizers(settings)
            return None
        written = self.whole.settings.get("transforms")
        changed = check_transforms(written and written.value, fields, self.scope, self.found)
        implicit = changed and self._implicit_call(changed.fields)
        if changed is None or implicit is None:
            self._check_optimizers(settings)
            return None
        calls, fields, bound = implicit
        transforms = settle(changed.calls, bound, self.found)
        steps = self._check_steps(calls, fields, settings)
        metrics = self.whole.settings.get("metrics")
        listed = read_metrics(metrics and metrics.value, self.scope, self.found)
        self._check_best(settings, listed)
        check_counts(listed, self._kept(dataset, other, settings), self.found)
        self._check_single(steps or ())
        if steps is None:
            return None
        return Training(
            name=self.train.name.id,
            doc=self.train.doc,
            nets=tuple(self.trained),
            dataset=dataset,
            validation_data=other,
            fields=tuple(fields.types),
            transforms=transforms,
            bound=bound,
            steps=tuple(steps),
            metrics=tuple(named.call for named in listed),
            frozen=tuple(
                selector
                for item in self.train.items
                if isinstance(item, s.Freeze)
                for selector in item.selectors
            ),
            settings=settings,
            constants=self.scope,
        )

    # ---- what stands where -----------------------------------------------------------------------

    def _part(self, name: s.Name | None, items: Sequence[Any]) -> _Part:
        """The settings and the values of a section; what is neither is reported."""
        part = _Part(name, {}, [], items)
        values = list(statements_of(items))
        for number, item in enumerate(values):
            target = item.target if isinstance(item, s.Assign) else None
            if not isinstance(item, s.Assign) or not isinstance(target, s.Name):
                part.values.append(item)
            elif target.id in SETTINGS:
                self._note(part, target.id, item)
            elif self._is_read(target.id, values[number + 1 :]):
                part.values.append(item)
            else:
                self._unknown_setting(target)
        return part

    def _is_read(self, name: str, rest: Sequence[Any]) -> bool:
        """Whether what follows, a step, or a statement that could not be read, reads a value."""
        nodes = [tuple(item) for item in (*rest, *self.steps)]
        read = any(name == other.id for node in nodes for other in names_in(node))
        return read or any(unread.mentions(name) for unread in self.unread)

    def _note(self, part: _Part, key: str, item: s.Assign) -> None:
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

    def _unknown_setting(self, name: s.Name) -> None:
        self.found.add(
            "unknown-setting",
            f"unknown setting `{name.id}`",
            name.span,
            label="no setting of a train section, and no value that a loss reads",
            help=did_you_mean(name.id, SETTINGS) or f"settings are {listing(SETTINGS, 12)}",
        )

    def _check_placement(self) -> None:
        """Report what stands in a step and belongs to the section, or the other way round."""
        for part in self.parts:
            if part is self.whole:
                continue
            for key, item in part.settings.items():
                if key not in _OF_STEP:
                    self._misplaced(
                        key, item, "a step", "write it in the section, beside the steps"
                    )
        if self.steps:
            for key in _OF_STEP:
                if key in self.whole.settings:
                    item = self.whole.settings[key]
                    self._misplaced(key, item, "a section with steps", "write it in each step")

    def _misplaced(self, key: str, item: s.Assign, where: str, help: str) -> None:
        self.found.add(
            "misplaced-setting",
            f"`{key}` cannot stand in {where}",
            item.target.span,
            label="not here",
            help=help,
        )

    def _require(self) -> None:
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

    # ---- data ------------------------------------------------------------------------------------

    def _dataset(self, key: str) -> Dataset | None:
        if key not in self.whole.settings:
            return None
        nets = [item.net for item in self.trained]
        node = self.whole.settings[key].value
        return read_dataset(node, nets, self.sources, self.scope, self.found)

    def _validated(
        self, dataset: Dataset | None, other: Dataset | None, settings: Settings
    ) -> Settings:
        """The settings, where other data validates: no part of the data is kept for it."""
        given = self.whole.settings
        if "validation_data" not in given:
            return settings
        if "validation" in given:
            self.found.add(
                "conflicting-settings",
                "`validation` and `validation_data` exclude each other",
                given["validation"].target.span,
                label="both say what validates",
                help="remove `validation` or `validation_data`",
            )
        if dataset is not None and other is not None:
            nodes = (given["data"].value, given["validation_data"].value)
            check_validation(dataset, other, nodes, self.found)
        return settings._replace(validation=0.0)

    def _kept(self, dataset: Dataset, other: Dataset | None, settings: Settings) -> int | None:
        """How many samples validate at least; None where only the data tells."""
        if other is not None:
            return other.length()
        given = self.whole.settings
        place = (given.get("validation") or given["data"]).value.span
        return check_split(dataset, settings.validation, place, self.found)

    def _implicit_call(
        self, fields: Fields
    ) -> tuple[list[s.Assign], Fields, dict[str, Dim]] | None:
        """`logits = net(image)`, where a section trains one net and does not call it itself."""
        (one, *others) = self.trained
        called = {one.net.name, one.name}
        values = [value for part in self.parts for value in part.values]
        read = [item.value if isinstance(item, s.Assign) else item.callee for item in values]
        mentions = {name.id for node in read for name in names_in(node)}
        if others or called & mentions:
            return [], fields, {}
        feed = check_feed(one.net, fields, self.whole.settings["data"].value.span, self.found)
        if feed is None:
            return None
        types = {
            name: Tensor(tuple(substitute(d, feed.bound) for d in kind.shape), kind.dtype)
            for name, kind in fields.types.items()
        }
        self._check_outputs(one.net, fields)
        body = Body(self.train.name.span, {}, {}, {}, {})
        targets = tuple(body.name(port.name) for port in one.net.outputs)
        target = targets[0] if len(targets) == 1 else s.Targets(targets, body.span())
        given = tuple(s.Argument(None, body.name(name), body.span()) for name in feed.fields)
        call = s.Call(body.name(one.net.name), given, body.span())
        fed = fields._replace(types=types)
        return [s.Assign(target, call, body.span())], fed, dict(feed.bound)

    def _check_outputs(self, net: Net, fields: Fields) -> None:
        for port in net.outputs:
            if port.name in fields.types:
                self.found.add(
                    "duplicate-name",
                    f"`{port.name}` is an output of the net and a field of the data",
                    self.train.name.span,
                    label="which of them a loss means is not clear",
                    help="rename the fields: `fields = (…)`",
                )

    # ---- steps -----------------------------------------------------------------------------------

    def _check_optimizers(self, settings: Settings) -> None:
        """What is wrong with optimisers is said, whatever is wrong elsewhere."""
        for part in self.parts:
            if "optimizer" in part.settings:
                check_optimizer(part.settings, part.items, (), {}, settings, self.scope, self.found)

    def _check_steps(
        self, calls: Sequence[s.Assign], fields: Fields, settings: Settings
    ) -> list[Step] | None:
        steps: list[Step] = []
        loss = self.whole.settings.get("loss")  # of a section with steps: that has been reported
        shared = [value for value in self.whole.values if value is not loss] if self.steps else []
        before = self.found.error_count
        for part in self.parts:
            step = self._check_step(part, [*calls, *shared], fields, settings)
            if step is not None:
                steps.append(step)
        complete = len(steps) == len(self.parts) and self.found.error_count == before
        return steps if complete else None

    def _check_step(
        self,
        part: _Part,
        first: Sequence[Any],
        fields: Fields,
        settings: Settings,
    ) -> Step | None:
        computation = None
        moved: list[TrainedNet] = []
        if "loss" in part.settings:
            place = (part.name or self.train.name).span
            nets = {item.name: item.net for item in self.trained}
            titles = self._titles()
            body = Body(place, fields.types, nets, titles, self.scope, self._maybe_values())
            values = [*first, *part.values]
            metrics = self._metrics(values, fields, last=part is self.parts[-1])
            figures = [*dict.fromkeys(name for m in metrics for name in m.call.operands)]
            title = f"{part.name.id.capitalize()}Step" if part.name else "Step"
            device = self.trained[0].net.device
            computation = check_step(title, values, figures, body, fields, device, self.found)
            if computation is not None:
                types = [port.type for port in computation.graph.outputs[1:]]
                check_metrics(metrics, dict(zip(figures, types, strict=True)), self.found)
        moved = self._moved(part)
        optimizers = None
        if "optimizer" in part.settings:
            layers = computation.graph.layers if computation else {}
            optimizers = check_optimizer(
                part.settings, part.items, moved, layers, settings, self.scope, self.found
            )
        if computation is None or optimizers is None:
            return None
        name = part.name.id if part.name else ""
        own = [key for key, layer in computation.graph.layers.items() if layer.parameters]
        moves = (*(item.name for item in moved), *own)
        return Step(name, computation.graph, computation.figures, moves, tuple(optimizers))

    def _maybe_values(self) -> list[s.Broken]:
        """What could not be read and may give a value a name."""
        return [unread.statement for unread in self.unread if unread.may_define(SETTINGS)]

    def _check_single(self, steps: Sequence[Step]) -> None:
        """Report settings that are about one net, where there are several modules to train."""
        names = dict.fromkeys(name for step in steps for name in step.moves)
        names |= dict.fromkeys(item.name for item in self.trained)
        for key in ("ema", "swa", "export"):
            if key in self.whole.settings and len(names) > 1:
                self.found.add(
                    "conflicting-settings",
                    f"`{key}` is for one net, and the section trains {listing(names)}",
                    self.whole.settings[key].target.span,
                    label="of which of them?",
                    help="leave it out, or do without the others",
                )

    def _check_best(self, settings: Settings, metrics: Sequence[Named]) -> None:
        """The best state is chosen by a figure that there is."""
        losses = [
            f"val_{part.name.id.lower()}_loss" if part.name else "val_loss" for part in self.parts
        ]
        written = self.whole.settings.get("metrics")
        if written is not None and len(items_of(written.value)) > len(metrics):
            return  # it may be one of those that have been refused
        names = [*losses, *(named.call.name for named in metrics)]
        if settings.best and settings.best not in names:
            self.found.add(
                "wrong-argument",
                f'there is no figure "{settings.best}"',
                self.whole.settings["best"].value.span,
                label="neither a loss nor a metric",
                help=did_you_mean(settings.best, names) or f"there are {listing(names)}",
            )

    def _titles(self) -> dict[str, str]:
        """What the author may call each net, and what the script does."""
        titles = {item.name: item.name for item in self.trained}
        if not self.train.nets:
            (one,) = self.trained
            titles = {one.net.name: one.name}
        return titles

    def _metrics(self, values: Sequence[Any], fields: Fields, *, last: bool) -> list[Named]:
        """The metrics that can be worked out from a step's values: of several steps, the last's."""
        node = self.whole.settings.get("metrics")
        if node is None or not last:
            return []
        quiet = Diagnostics(self.found.source)
        metrics = read_metrics(node.value, self.scope, quiet)
        known = [*fields.types]
        known += [name.id for x in values if isinstance(x, s.Assign) for name in names_in(x.target)]
        for name in [] if self._maybe_values() else operands_in(node.value):
            if name.id not in known:
                self.found.add(
                    "unknown-name",
                    f"unknown name `{name.id}`",
                    name.span,
                    label="no output of the net, no field of the data, no value of the section",
                    help=did_you_mean(name.id, known) or f"there are {listing(known)}",
                )
        return [m for m in metrics if all(name in known for name in m.call.operands)]

    def _moved(self, part: _Part) -> list[TrainedNet]:
        """The nets whose parameters the optimiser of a step moves."""
        if part.name is None:
            return [item for item in self.trained if not self._is_frozen(item)]
        names = [item.name for item in self.trained]
        if part.name.id not in names:
            self.found.add(
                "unknown-net",
                f"the step `{part.name.id}` has the name of no net of this section",
                part.name.span,
                label="which net does it train?",
                help=did_you_mean(part.name.id, names) or f"name it {listing(names)}",
            )
        return [item for item in self.trained if item.name == part.name.id]

    def _is_frozen(self, item: TrainedNet) -> bool:
        frozen = [x for x in self.train.items if isinstance(x, s.Freeze)]
        return any(
            isinstance(selector, s.Name) and selector.id == item.name
            for freeze in frozen
            for selector in freeze.selectors
        )


def _constants(trained: Sequence[TrainedNet]) -> dict[str, Any]:
    """The parameters of the nets, those left out that differ from net to net."""
    values: dict[str, Any] = {}
    for item in trained:
        for name, value in item.net.parameters.items():
            same = name not in values or values[name] == value
            values[name] = value if same else None
    return {name: value for name, value in values.items() if value is not None}
