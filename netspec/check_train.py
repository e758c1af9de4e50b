"""Check a `train` section: its nets, its data, what it computes in a step, how it optimises."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

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
from netspec.check_operands import check_operands
from netspec.check_optimizer import Movable, check_optimizer
from netspec.check_samples import check_samples
from netspec.check_section import SETTINGS, Part, Section
from netspec.check_settings import check_settings
from netspec.check_shard import check_shard
from netspec.check_step import (
    Named,
    check_counts,
    check_metrics,
    check_step,
    operands_in,
    read_metrics,
)
from netspec.check_tables import check_tables
from netspec.check_together import (
    check_best,
    check_freezes,
    check_plateau,
    check_single,
    check_weights,
)
from netspec.check_trained import check_nets
from netspec.check_transforms import check_transforms, settle
from netspec.check_turns import check_own_layers, check_step_names
from netspec.diagnostic import Diagnostics, did_you_mean
from netspec.dim import Dim, value_of
from netspec.find_limits import limits_in
from netspec.graph import Net, Unfinished
from netspec.names import listing
from netspec.settings import Settings
from netspec.source import Span
from netspec.step_body import Body
from netspec.substitute import substitute
from netspec.tensor import Tensor
from netspec.training import Step, TrainedNet, Training
from netspec.visit import names_in, title_of


def check_train(
    train: s.Train,
    nets: Mapping[str, Net],
    unfinished: Mapping[str, Unfinished],
    sources: Mapping[str, s.ExternData | None],
    found: Diagnostics,
) -> Training | None:
    """The training that a section describes; None after reporting why there is none.

    Of one that trains an `unfinished` net, what does not depend on it is checked.
    `sources`: the data of the file that is read in Python; None for what has been reported.
    """
    before = found.error_count
    trained = check_nets(train, nets, unfinished, found)
    if trained is None:
        return None
    training = _Checker(train, trained, sources, found).check()
    return training if found.error_count == before else None


class _Checker:
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
        self.sound = all(item.net.outputs for item in trained)
        self.section = Section(train, found)
        self.whole, self.parts = self.section.whole, self.section.parts
        self.titles = self._titles()
        turns = [part.title for part in self.parts]
        self.frozen = check_freezes(train, self.titles, turns, found)

    def check(self) -> Training | None:
        self.section.check_placement()
        self.section.require()
        check_step_names([part.name for part in self.parts if part.name], self.found)
        settings = check_settings(self.whole.settings, self.scope, len(self.parts), self.found)
        if settings.warmup:
            self.scope.setdefault("warmup", settings.warmup)  # `T_max=steps - warmup`
        dataset, other = self._dataset("data"), self._dataset("validation_data")
        fields = None
        if dataset is not None:
            named = self.whole.settings.get("fields")
            fields = check_fields(dataset, named and named.value, self.found)
        settings = self._validated(dataset, other, settings)
        if dataset is None or fields is None:
            self._check_beside(settings)
            return None
        written = self.whole.settings.get("transforms")
        changed = check_transforms(written and written.value, fields, self.scope, self.found)
        implicit = changed and self.sound and self._implicit_call(changed.fields)
        if not changed or not implicit:
            listed = self._check_beside(settings)
            check_counts(listed, self._kept(dataset, other, settings), self.found)
            return None
        calls, fields, bound = implicit
        transforms = settle(changed.calls, bound, self.found)
        steps = self._check_steps(calls, fields, settings)
        drawn = self._check_samples(calls, fields)
        listed = self._read_metrics(settings)
        given = self.whole.settings
        check_counts(listed, self._kept(dataset, other, settings), self.found)
        check_single(given, self.trained, steps or (), self.found)
        check_shard(given, settings, self.trained, steps or (), self.found)
        if steps is None:
            return None
        self._limit(dataset, other, fields, steps, {call.field for call in transforms})
        check_own_layers(steps, self.found)
        check_weights(self.train, self.trained, steps, self.found)
        self._check_plateaus(steps, settings, listed, other is not None)
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
            samples=drawn,
            settings=settings,
            constants=self.scope,
        )

    def _check_beside(self, settings: Settings) -> list[Named]:
        """What can be said of steps and metrics where fields or a net are not known."""
        for part in self.parts:
            self._moved(part)
            if "optimizer" in part.settings:
                check_optimizer(part.settings, part.items, None, settings, self.scope, self.found)
        return self._read_metrics(settings)

    def _read_metrics(self, settings: Settings) -> list[Named]:
        given = self.whole.settings
        metrics = given.get("metrics")
        listed = read_metrics(metrics and metrics.value, self.scope, self.found)
        check_best(given, settings, [part.title for part in self.parts], listed, self.found)
        return listed

    # ---- data ------------------------------------------------------------------------------------

    def _dataset(self, key: str) -> Dataset | None:
        if key not in self.whole.settings:
            return None
        nets = [item.net for item in self.trained]
        node = self.whole.settings[key].value
        if title_of(node) == "Synthetic" and any(map(_is_open, nets)):
            return None  # its fields are the inputs of a net with errors
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

    def _limit(
        self,
        dataset: Dataset,
        other: Dataset | None,
        fields: Fields,
        steps: Sequence[Step],
        transformed: Collection[str],
    ) -> None:
        """Let sources hold their integers against what the steps take of them."""
        limits = limits_in(steps, {item.name: item.net for item in self.trained})
        for source in (dataset, other):
            if source is not None:
                names = zip(source.columns(), fields.types, strict=True)
                source.limits = {
                    own: limits[name]
                    for own, name in names
                    if name in limits and name not in transformed
                }

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
        title = next(title for title, name in self.titles.items() if name == one.name)
        call = s.Call(body.name(title), given, body.span())
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

    def _check_steps(
        self, calls: Sequence[s.Assign], fields: Fields, settings: Settings
    ) -> list[Step] | None:
        steps: list[Step] = []
        loss = self.whole.settings.get("loss")  # of a section with steps: that has been reported
        shared = (
            [value for value in self.whole.values if value is not loss]
            if self.section.steps
            else []
        )
        before = self.found.error_count
        for part in self.parts:
            step = self._check_step(part, [*calls, *shared], fields, settings)
            if step is not None:
                steps.append(step)
        complete = len(steps) == len(self.parts) and self.found.error_count == before
        return steps if complete else None

    def _check_step(
        self,
        part: Part,
        first: Sequence[Any],
        fields: Fields,
        settings: Settings,
    ) -> Step | None:
        computation = None
        moved = self._moved(part)
        if "loss" in part.settings:
            body = self._body((part.name or self.train.name).span, fields)
            values = [*first, *part.values]
            metrics = self._metrics(values, fields, last=part is self.parts[-1])
            figures = [*dict.fromkeys(name for m in metrics for name in m.call.operands)]
            title = f"{part.name.id.capitalize()}Step" if part.name else "Step"
            device = self.trained[0].net.device
            nets_moved = [item.name for item in moved]
            computation = check_step(
                title, values, figures, body, fields, device, nets_moved, self.found
            )
            if computation is not None:
                types = [port.type for port in computation.graph.outputs[1:]]
                by_name = dict(zip(figures, types, strict=True))
                fitting = check_metrics(metrics, by_name, self.found)
                check_operands(computation.graph, body, fitting, self.found)
                place = self.whole.settings["data"].value.span
                check_tables(computation.graph, body.nets, fields, place, self.found)
        optimizers = None
        movable = None
        if moved or (computation is not None and part.name is None):
            movable = Movable(moved, computation.graph.layers if computation else {})
        if "optimizer" in part.settings:
            optimizers = check_optimizer(
                part.settings, part.items, movable, settings, self.scope, self.found
            )
        if computation is None or movable is None or optimizers is None:
            return None
        moves = tuple(movable.names)
        return Step(part.title, computation.graph, computation.figures, moves, tuple(optimizers))

    def _check_samples(self, calls: Sequence[s.Assign], fields: Fields) -> Net | None:
        """What works out the pictures; None where there are none, or after reporting why."""
        written = self.whole.settings.get("samples")
        if written is None:
            return None
        values = [*calls, *self.section.drawn]
        body = self._body(self.train.name.span, fields)
        return check_samples(written, values, body, self.trained[0].net.device, self.found)

    def _body(self, place: Span, fields: Fields) -> Body:
        nets = {item.name: item.net for item in self.trained}
        return Body(place, fields.types, nets, self.titles, self.scope, self._maybe_values())

    def _maybe_values(self) -> list[s.Broken]:
        """What could not be read and may give a value a name."""
        return [x.statement for x in self.section.unread if x.may_define(SETTINGS)]

    def _check_plateaus(
        self,
        steps: Sequence[Step],
        settings: Settings,
        metrics: Sequence[Named],
        has_other: bool,
    ) -> None:
        validates = bool(settings.validation) or has_other
        for step, part in zip(steps, self.parts, strict=True):
            if "scheduler" in part.settings:
                place = part.settings["scheduler"].value.span
                check_plateau(step, place, settings, metrics, validates, self.found)

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

    def _moved(self, part: Part) -> list[TrainedNet]:
        """The nets whose parameters the optimiser of a step moves."""
        if part.name is None:
            return [item for item in self.trained if item.name not in self.frozen]
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


def _is_open(net: Net) -> bool:
    """Whether the inputs of a net with errors are not known in all their sizes."""
    sizes = [value_of(dim) for port in net.inputs for dim in port.type.shape[1:]]
    return not net.outputs and (not net.inputs or None in sizes)


def _constants(trained: Sequence[TrainedNet]) -> dict[str, Any]:
    """The parameters of the nets, those left out that differ from net to net."""
    values: dict[str, Any] = {}
    for item in trained:
        for name, value in item.net.parameters.items():
            same = name not in values or values[name] == value
            values[name] = value if same else None
    return {name: value for name, value in values.items() if value is not None}
