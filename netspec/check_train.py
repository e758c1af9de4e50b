"""Check a `train` section: its settings, and its data, loss and metrics against the net."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from netspec import syntax as s
from netspec.arguments import bind, evaluate_arguments
from netspec.catalogue.dataset import DATASETS, Dataset
from netspec.catalogue.layer import Misfit
from netspec.catalogue.loss import LOSSES, Loss
from netspec.catalogue.metric import METRICS, Metric
from netspec.catalogue.optimizer import OPTIMIZERS, Optimizer
from netspec.catalogue.signature import LARGEST, Signature, kind_of, write_value
from netspec.diagnostic import Diagnostics, did_you_mean
from netspec.dim import Dim, Expression, same, substitute, symbols
from netspec.evaluate import UNKNOWN, evaluate
from netspec.graph import Net
from netspec.names import listing
from netspec.source import Span
from netspec.tensor import Tensor
from netspec.training import MetricCall, Training
from netspec.visit import names_in


class Number(NamedTuple):
    """What a numeric setting may be, and what it is where it is not given."""

    default: int | float
    wanted: str
    fits: Callable[[Any], bool]


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


NUMBERS = {
    "batch_size": Number(64, "a positive integer", lambda v: _is_int(v) and v > 0),
    "epochs": Number(1, "a positive integer", lambda v: _is_int(v) and v > 0),
    "seed": Number(0, "an integer of at least 0", lambda v: _is_int(v) and v >= 0),
    "validation": Number(
        0.2,
        "a number from 0.001 to 0.999",
        lambda v: isinstance(v, float) and 0.001 <= v <= 0.999,
    ),
}
REQUIRED = ("data", "loss", "optimizer")
SETTINGS = (*REQUIRED, "fields", "metrics", *NUMBERS)


def check_train(train: s.Train, nets: Mapping[str, Net], found: Diagnostics) -> Training | None:
    """The training that a section describes; None after reporting why there is none."""
    net = nets.get(train.net.id)
    if net is None:
        found.add(
            "unknown-net",
            f"there is no net `{train.net.id}`",
            train.net.span,
            label="not defined in this file",
            help=did_you_mean(train.net.id, nets)
            or (f"the file has {listing(nets)}" if nets else "define it with `net`"),
        )
        return None
    before = found.error_count
    if "meta" in (net.device, *net.devices):
        part = "" if net.device == "meta" else "a part of "
        found.add(
            "wrong-device",
            f'{part}`{net.name}` lives on "meta", where there are no numbers to train',
            train.net.span,
            label="cannot be trained",
            help="give it another device" if part else 'write `device "auto"`',
        )
    training = _Section(train, net, found).check()
    return training if found.error_count == before else None


class _Section:
    def __init__(self, train: s.Train, net: Net, found: Diagnostics) -> None:
        self.train = train
        self.net = net
        self.found = found
        self.scope: dict[str, Any] = dict(net.parameters)
        self.settings = self._settings()
        self.columns: dict[str, Tensor] = {}
        self.classes: dict[str, int] = {}
        self.outputs: dict[str, Tensor] = {}
        self.losses: dict[Span, Loss] = {}

    def check(self) -> Training | None:
        numbers = {name: self._number(name) for name in NUMBERS}
        dataset = self._call("data", DATASETS, "data source")
        optimizer = self._optimizer()
        feeds = self._feed(dataset) if isinstance(dataset, Dataset) else None
        if feeds is None or not isinstance(optimizer, Optimizer):
            return None
        assert isinstance(dataset, Dataset)
        metrics = self._metrics()
        loss = self.settings.get("loss")
        if loss is None or not self._is_loss(loss):
            return None
        call = self.settings["optimizer"]
        return Training(
            net=self.net.name,
            doc=self.train.doc,
            device=self.net.device,
            devices=self.net.devices,
            returns_elsewhere=self.net.returns_on is not None,
            dataset=dataset,
            fields=tuple(self.columns),
            feeds=feeds,
            outputs=tuple(self.outputs),
            loss=loss,
            losses=self.losses,
            optimizer=optimizer,
            optimizer_arguments=call.arguments if isinstance(call, s.Call) else (),
            metrics=metrics,
            batch_size=int(numbers["batch_size"]),
            epochs=int(numbers["epochs"]),
            seed=int(numbers["seed"]),
            validation=float(numbers["validation"]),
            constants=self.scope,
        )

    # ---- settings ----------------------------------------------------------------------------

    def _settings(self) -> dict[str, s.Expression]:
        settings: dict[str, s.Expression] = {}
        for item in self.train.settings:
            if isinstance(item, s.Broken):
                continue
            name = item.name
            if name.id not in SETTINGS:
                self.found.add(
                    "unknown-setting",
                    f"unknown setting `{name.id}`",
                    name.span,
                    label="no setting of a train section",
                    help=did_you_mean(name.id, SETTINGS)
                    or f"settings are {listing(SETTINGS, len(SETTINGS))}",
                )
            elif name.id in settings:
                self.found.add(
                    "duplicate-setting",
                    f"`{name.id}` is set twice",
                    name.span,
                    label="set again here",
                    help="remove one of the two",
                )
            else:
                settings[name.id] = item.value
        if not any(isinstance(item, s.Broken) for item in self.train.settings):
            self._require(settings)
        return settings

    def _require(self, settings: Mapping[str, s.Expression]) -> None:
        examples = {
            "data": "data = MNIST5k()",
            "loss": "loss = cross_entropy(logits, label)",
            "optimizer": "optimizer = SGD(lr=0.01, momentum=0.9)",
        }
        for name in REQUIRED:
            if name not in settings:
                self.found.add(
                    "missing-setting",
                    f"the training of `{self.train.net.id}` needs `{name}`",
                    self.train.net.span,
                    label=f"`{name}` is missing",
                    help=f"add a line like `{examples[name]}`",
                )

    def _number(self, name: str) -> int | float:
        number = NUMBERS[name]
        node = self.settings.get(name)
        if node is None:
            return number.default
        value = evaluate(node, self.scope, self.found)
        if _is_int(value) and value > LARGEST:
            self.found.add(
                "too-large",
                f"`{name}` is too large: {value}",
                node.span,
                label="torch counts to 2**63",
                help=f"write `{name} = {number.default}`, say",
            )
            return number.default
        if value is not UNKNOWN and not number.fits(value):
            self.found.add(
                "wrong-argument",
                f"`{name}` must be {number.wanted}, found {write_value(value)}",
                node.span,
                label=f"{kind_of(value)}, not {number.wanted}"
                if kind_of(value) not in number.wanted
                else f"found {write_value(value)}",
                help=f"write `{name} = {number.default}`, say",
            )
            return number.default
        return number.default if value is UNKNOWN else value

    def _call(
        self, setting: str, catalogue: Mapping[str, type[Signature]], kind: str
    ) -> Signature | None:
        """The entry of a catalogue that a setting names, with its arguments checked."""
        node = self.settings.get(setting)
        if node is None:
            return None
        function = node.function if isinstance(node, s.Call) else node
        if not isinstance(function, s.Name) or function.id not in catalogue:
            self._unknown(function, catalogue, kind)
            return None
        arguments = node.arguments if isinstance(node, s.Call) else ()
        entry = catalogue[function.id]
        return self._bind(entry, function.id, arguments, node.span)

    def _bind(
        self, entry: type[Signature], name: str, arguments: Sequence[s.Argument], span: Span
    ) -> Signature | None:
        given = evaluate_arguments(arguments, self.scope, self.found)
        return None if given is None else bind(entry, name, given, span, self.found)

    def _unknown(self, node: s.Expression, catalogue: Mapping[str, Any], kind: str) -> None:
        name = node.id if isinstance(node, s.Name) else ""
        self.found.add(
            f"unknown-{kind.replace(' ', '-')}",
            f"unknown {kind} `{name}`" if name else f"the name of a {kind} is wanted here",
            node.span,
            label=f"no {kind} that netspec knows",
            help=did_you_mean(name, catalogue) or f"there are {listing(catalogue, 10)}",
        )

    def _optimizer(self) -> Signature | None:
        optimizer = self._call("optimizer", OPTIMIZERS, "optimizer")
        if isinstance(optimizer, Optimizer):
            try:
                optimizer.check()
                self._check_parameters(optimizer)
            except Misfit as misfit:
                self._misfit("wrong-argument", misfit, self.settings["optimizer"].span)
        return optimizer

    def _check_parameters(self, optimizer: Optimizer) -> None:
        """Hold the parameters of the net against the optimiser; those of externs nobody knows."""
        if optimizer.closure:
            raise Misfit(
                f"`{type(optimizer).__name__}` computes the loss several times in a step, which "
                "the training script does not do",
                label="wants a closure",
                help="use another optimiser, as `AdamW`",
            )
        shapes = self.net.parameter_shapes()
        if shapes or not self.net.externs:
            optimizer.check_parameters(shapes, self.net.sparse_parameters())

    # ---- data against the net ----------------------------------------------------------------

    def _feed(self, dataset: Dataset) -> tuple[str, ...] | None:
        """The field for each input of the net; sets the types of fields and outputs."""
        names = self._field_names(dataset)
        if names is None:
            return None
        self.columns = dict(zip(names, dataset.columns.values(), strict=True))
        classes = dataset.classes
        self.classes = {
            new: classes[old]
            for new, old in zip(names, dataset.columns, strict=True)
            if old in classes
        }
        feeds: list[str] = []
        sizes: dict[str, Dim] = {}
        span = self.settings["data"].span
        for port in self.net.inputs:
            name = port.name if port.name in self.columns else names[0]
            if port.name not in self.columns and len(self.net.inputs) > 1:
                self.found.add(
                    "missing-field",
                    f"no field of the data feeds the input `{port.name}` of `{self.net.name}`",
                    span,
                    label=f"its fields are {listing(names)}",
                    help=f"rename one: `fields = ({port.name}, …)`, in the order of the data",
                )
                return None
            if not self._fits(port.type, self.columns[name], sizes):
                self.found.add(
                    "shape-mismatch",
                    f"the field `{name}` is {self.columns[name]}, the input `{port.name}` of "
                    f"`{self.net.name}` takes {port.type}",
                    span,
                    label="the data does not fit the net",
                    help=f"declare the input as `{port.name}: {self.columns[name]}`",
                )
                return None
            feeds.append(name)
        self.outputs = {
            port.name: Tensor(tuple(substitute(d, sizes) for d in port.type.shape), port.type.dtype)
            for port in self.net.outputs
        }
        self._check_names()
        return tuple(feeds)

    def _fits(self, wanted: Tensor, given: Tensor, sizes: dict[str, Dim]) -> bool:
        """Whether data fits an input; sizes that the data decides go to `sizes`."""
        if wanted.rank != given.rank or wanted.dtype != given.dtype:
            return False
        for a, b in zip(wanted.shape, given.shape, strict=True):
            free = symbols(a) & set(self.net.sizes) if isinstance(a, Expression) else set()
            if free and str(a) in self.net.sizes:
                sizes.setdefault(str(a), b)
            if not same(substitute(a, sizes), b):
                return False
        return True

    def _field_names(self, dataset: Dataset) -> list[str] | None:
        own = list(dataset.columns)
        node = self.settings.get("fields")
        if node is None:
            return own
        items = node.items if isinstance(node, s.Sequence) else (node,)
        names = [item.id for item in items if isinstance(item, s.Name)]
        if len(names) == len(items) == len(own) and len(set(names)) == len(names):
            return names
        self.found.add(
            "wrong-fields",
            f"`fields` names the {len(own)} fields of the data, {listing(own)}, in their order",
            node.span,
            label=f"{len(items)} here" if len(items) != len(own) else "no list of different names",
            help=f"write `fields = ({', '.join(own)})`, with names of your own",
        )
        return None

    def _check_names(self) -> None:
        for name in self.outputs:
            if name in self.columns:
                self.found.add(
                    "duplicate-name",
                    f"`{name}` is an output of the net and a field of the data",
                    self.train.net.span,
                    label="which of them a loss means is not clear",
                    help="rename the fields: `fields = (…)`",
                )

    # ---- loss and metrics --------------------------------------------------------------------

    def _is_loss(self, node: s.Expression) -> bool:
        """Check an expression that comes out as one number; False after reporting."""
        before = self.found.error_count
        if not self._scalar(node) and self.found.error_count == before:
            self.found.add(
                "wrong-loss",
                "the loss does not depend on the net",
                node.span,
                label="a build-time value",
                help="write a loss of an output, as in `cross_entropy(logits, label)`",
            )
        return self.found.error_count == before

    def _scalar(self, node: s.Expression) -> bool:
        """Whether a loss takes part in an expression of numbers; reports anything else."""
        match node:
            case s.Call(s.Name(id)) if id in LOSSES:
                self._loss(node, LOSSES[id])
                return True
            case s.Unary("-" | "+", operand):
                return self._scalar(operand)
            case s.Binary("+" | "-" | "*" | "/", left, right):
                return self._scalar(left) | self._scalar(right)
            case s.Call(s.Name() as name) if name.id not in ("min", "max", "abs", "float", "int"):
                self._unknown(name, LOSSES, "loss")
                return True
        tensors = [n for n in names_in(node) if n.id in self.outputs or n.id in self.columns]
        if tensors:
            self.found.add(
                "wrong-loss",
                f"`{tensors[0].id}` is a tensor: a loss is one number",
                tensors[0].span,
                label="compare it with its target",
                help=f"write a loss like `mse_loss({tensors[0].id}, …)`",
            )
            return True
        value = evaluate(node, self.scope, self.found)
        if value is not UNKNOWN and (isinstance(value, bool) or not isinstance(value, int | float)):
            self.found.add(
                "wrong-loss",
                f"a number is wanted here, found {write_value(value)}",
                node.span,
                label=kind_of(value),
                help="losses are combined with numbers: `loss = mse_loss(a, b) + 0.1 * …`",
            )
        return False

    def _loss(self, node: s.Call, loss: type[Loss]) -> None:
        tensors, rest = self._two_tensors(node, loss.name, numbers=True)
        bound = self._bind(loss, loss.name, rest, node.span)
        if tensors is None or not isinstance(bound, Loss):
            return
        (_, output), (target_name, target) = tensors
        if target is None:
            target = output
        try:
            bound.check(output, target, self.classes.get(target_name))
        except Misfit as misfit:
            self._misfit("shape-mismatch", misfit, node.span)
        self.losses[node.span] = bound

    def _two_tensors(
        self, node: s.Call, name: str, *, numbers: bool
    ) -> tuple[tuple[tuple[str, Tensor], tuple[str, Tensor | None]] | None, tuple[s.Argument, ...]]:
        """The two tensors that a loss or metric begins with, and its further arguments.

        With `numbers`, a number may stand for the second: a tensor full of it.
        """
        leading = [argument for argument in node.arguments[:2] if argument.name is None]
        if len(leading) < 2:
            self.found.add(
                "missing-argument",
                f"`{name}` takes an output and its target",
                node.span,
                label=f"{len(leading)} given",
                help=f"write `{name}(output, target)`",
            )
            return None, ()
        first = self._tensor(leading[0].value)
        number = numbers and not any(True for _ in names_in(leading[1].value))
        second = None if number else self._tensor(leading[1].value)
        if number:
            evaluate(leading[1].value, self.scope, self.found)
        if first is None or (second is None and not number):
            return None, node.arguments[2:]
        return (first, second or ("", None)), node.arguments[2:]

    def _tensor(self, node: s.Expression) -> tuple[str, Tensor] | None:
        """An output or a field, by its name."""
        known = {**self.columns, **self.outputs}
        if isinstance(node, s.Name) and node.id in known:
            return node.id, known[node.id]
        name = node.id if isinstance(node, s.Name) else ""
        self.found.add(
            "unknown-name" if name else "not-a-tensor",
            f"unknown name `{name}`" if name else "an output or a field is wanted here",
            node.span,
            label="no output of the net, no field of the data",
            help=did_you_mean(name, known)
            or f"outputs are {listing(self.outputs)}, fields {listing(self.columns)}",
        )
        return None

    def _metrics(self) -> tuple[MetricCall, ...]:
        node = self.settings.get("metrics")
        if node is None:
            return ()
        items = node.items if isinstance(node, s.Sequence) else (node,)
        calls = [self._metric(item) for item in items]
        names = [call.metric.name for call in calls if call is not None]
        if len(set(names)) < len(names):
            self.found.add(
                "duplicate-setting", "a metric stands here twice", node.span, label="twice"
            )
        return tuple(call for call in calls if call is not None)

    def _metric(self, node: s.Expression) -> MetricCall | None:
        if not (
            isinstance(node, s.Call)
            and isinstance(node.function, s.Name)
            and node.function.id in METRICS
        ):
            self._unknown(node.function if isinstance(node, s.Call) else node, METRICS, "metric")
            return None
        metric = METRICS[node.function.id]
        tensors, rest = self._two_tensors(node, metric.name, numbers=False)
        bound = self._bind(metric, metric.name, rest, node.span)
        if tensors is None or not isinstance(bound, Metric):
            return None
        (output_name, output), (target_name, target) = tensors
        assert target is not None
        try:
            bound.check(output, target)
        except Misfit as misfit:
            self._misfit("shape-mismatch", misfit, node.span)
        return MetricCall(bound, output_name, target_name)

    def _misfit(self, code: str, misfit: Misfit, span: Span) -> None:
        self.found.add(code, misfit.message, span, label=misfit.label, help=misfit.help)
