"""Write what a training script does with data: how it reads, splits and hands it out."""

from collections.abc import Mapping, Sequence

from netspec.catalogue.dataset import Dataset, Place
from netspec.dim import value_of
from netspec.external_data import External
from netspec.graph import Application
from netspec.layout import WIDTH, docstring
from netspec.lower_transforms import transform_imports, write_transform
from netspec.program import Import
from netspec.tensor import Tensor
from netspec.training import Training
from netspec.write import write_literal

BATCH_NORMS = frozenset(("BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "SyncBatchNorm"))


def write_data(training: Training) -> list[str]:
    """The functions that read data and transform it, and the classes above them, a line each."""
    sizes = _sizes(training)
    sources = [training.dataset]
    if training.validation_data is not None and not _one_reads_both(training):
        sources.append(training.validation_data)
    above = dict.fromkeys(source.above(sizes) for source in sources)
    blocks = [list(lines) for lines in above if lines]
    for name, source in zip(("load_data", "load_val_data"), sources, strict=False):
        blocks.append(_function(name, source, sizes))
    transform = write_transform(training)
    blocks += [transform] if transform else []
    return [line for block in blocks for line in (*block, "", "")]


def data_imports(training: Training) -> tuple[list[str], list[str]]:
    """The import lines of the standard library, and all others."""
    sources = [s for s in (training.dataset, training.validation_data) if s is not None]
    standard = [line for source in sources for line in source.standard_imports]
    others = [line for source in sources for line in source.imports]
    return standard, [*others, *transform_imports(training)]


def extern_imports(training: Training) -> list[str]:
    """The import lines of data that is read in Python."""
    items = externs_of(training)
    return list(dict.fromkeys(f"from {item.module} import {item}" for item in items))


def externs_of(training: Training) -> list[Import]:
    """What a training imports to read its data in Python."""
    sources = (training.dataset, training.validation_data)
    origins = [source.origin for source in sources if isinstance(source, External)]
    return [
        Import(o.alias, o.module, o.name, (), {}, o.source, o.name_span, o.module_span)
        for o in origins
    ]


def move_batch(training: Training) -> str:
    """The line that moves a batch to the device: from pinned memory, where workers fill it."""
    given = "device, non_blocking=t.is_pinned()" if training.settings.workers else "device"
    return f"batch = [t.to({given}) for t in batch]"


def write_loaders(training: Training) -> list[str]:
    """The lines that make the loaders, for training and for validation."""
    settings = training.settings
    dataset = training.dataset
    data = "data" if _is_halved(training) else "train_data"
    shuffle = "" if settings.shuffle else ", shuffle=False"
    lines = [
        *_splits(training),
        f"sampler = DistributedSampler[Any]({data}, world, rank{shuffle}, seed=cfg.seed)",
    ]
    if settings.workers:
        given = '{"num_workers": cfg.workers, "pin_memory": pin}'
        lines.append("pin = torch.cuda.is_available()")
        lines.append(f"options: dict[str, Any] = {given}")
    if _wants_several(training):
        lines += [
            "if 1 in (cfg.batch_size, len(sampler) % cfg.batch_size):",
            '    raise SystemExit("BatchNorm takes no batch of one: change --batch-size")',
        ]
    lines += _loader("loader", data, dataset, "sampler", "batches", training)
    if training.validates:
        other = training.validation_data or dataset
        lines.append("shard = range(rank, len(val_data), world)  # each sample on exactly one rank")
        if settings.shard:
            return [*lines, *_even_loader(other, training)]
        lines += _loader("val_loader", "val_data", other, "shard", "val_batches", training)
    return lines


def _wants_several(training: Training) -> bool:
    """Whether a net that is trained norms over a number of each sample, which takes two samples."""
    moved = {name for step in training.steps for name in step.moves}
    return any(
        isinstance(step, Application)
        and type(step.layer).__name__ in BATCH_NORMS
        and isinstance(step.inputs[0], Tensor)
        and all(value_of(size) == 1 for size in step.inputs[0].shape[2:])
        for item in training.nets
        if item.name in moved
        for step in item.net.steps
    )


def _loader(
    name: str, data: str, dataset: Dataset, sampler: str, batches: str, training: Training
) -> list[str]:
    """A loader: of whole batches at once where the data is in memory."""
    options = ", **options" if training.settings.workers else ""
    if dataset.streamed:
        return [f"{name} = DataLoader({data}, cfg.batch_size, sampler={sampler}{options})"]
    line = f"{name} = DataLoader({data}, None, sampler={batches}{options})"
    if name == "loader":
        told = f"{line}  # a whole batch by one index"
        line = told if len(told) <= WIDTH - 4 else f"{line}  # whole batches"
    return [f"{batches} = BatchSampler({sampler}, cfg.batch_size, drop_last=False)", line]


def _even_loader(dataset: Dataset, training: Training) -> list[str]:
    """The loader for validation, where all processes work at each batch together.

    Shares differ by a sample, batches by one, too: there are as many in each process.
    """
    options = ", **options" if training.settings.workers else ""
    given = "val_data, batch_sampler=" if dataset.streamed else "val_data, None, sampler="
    known = [
        "if not count:",
        '    counts = f"{len(val_data)} samples validate, and there are {world} processes"',
        "    raise SystemExit(counts)",
    ]
    return [
        "count = math.ceil(len(val_data) // world / cfg.batch_size)  # as many on all ranks",
        *(known if _is_known(training) else ()),
        "val_batches = [[*shard[i::count]] for i in range(count)]",
        f"val_loader = DataLoader({given}val_batches{options})",
    ]


def _splits(training: Training) -> list[str]:
    """The lines that leave a subset for training, and what validates in `val_data`.

    The subset is `data` where the whole is halved at once, else `train_data` of `data`.
    """
    call = _call("load_data", training.dataset)
    limit = "cfg.max_batches * cfg.batch_size * world or None"
    if _is_halved(training):
        share = training.settings.validation
        shares = f"[{_training_share(share)}, {write_literal(share)}]"
        return [
            _SEEDED,
            f"data, val_data = torch.utils.data.random_split({call}, {shares}, split)",
            f"data.indices = data.indices[: {limit}]",
        ]
    lines, train, val = [f"data = {call}"], "range(len(data))", ""
    if training.validation_data is not None:
        name = "load_data" if _one_reads_both(training) else "load_val_data"
        lines += [f"val_data = {_call(name, training.validation_data)}", *_filled(training)]
    elif not training.validates:
        lines += _filled(training)
    else:
        lines += _cut(training)
        train, val = "range(cut)", "range(cut, len(data))"
        if not training.dataset.ordered:
            train, val = "order[:cut]", "order[cut:]"
    lines += [f"limit = {limit}", f"train_data = Subset(data, {train}[:limit])"]
    return [*lines, f"val_data = Subset(data, {val})"] if val else lines


_SEEDED = "split = torch.Generator().manual_seed(0)  # the same one, whatever the seed"


def _is_halved(training: Training) -> bool:
    """Whether the shares of training and validation are drawn from data whose size is known."""
    dataset, apart = training.dataset, training.validation_data is not None
    return training.validates and not apart and dataset.fixed and not dataset.ordered


def _is_known(training: Training) -> bool:
    """Whether all data has a size that it has before it is read."""
    return training.dataset.fixed and (training.validation_data or training.dataset).fixed


def _filled(training: Training) -> list[str]:
    """The lines that refuse data without samples, or fewer for validation than there are ranks."""
    if _is_known(training):
        return []
    if not training.validates:
        return ["if not len(data):", '    raise SystemExit("there is nothing to train on")']
    return [
        f"if not len(data) or len(val_data) < {_least(training)}:",
        '    counts = f"{len(data)} samples to train on, {len(val_data)} to validate on"',
        '    raise SystemExit(f"{counts} (world size {world})")',
    ]


def _cut(training: Training) -> list[str]:
    """The lines that say where data is cut in two: the end validates, or the rest of any order."""
    ordered = training.dataset.ordered
    share = write_literal(training.settings.validation)
    what = "end" if ordered else "rest"
    lines = [f"cut = len(data) - round(len(data) * {share})  # the {what} validates"]
    if not _is_known(training):
        lines += [
            f"if not 0 < cut <= len(data) - {_least(training)}:",
            '    found = f"{len(data)} samples are too few to train and validate on"',
            '    raise SystemExit(f"{found} (world size {world})")',
        ]
    if not ordered:
        lines += [_SEEDED, "order = torch.randperm(len(data), generator=split).tolist()"]
    return lines


def _least(training: Training) -> str:
    """How many samples validation takes: one on each rank; metrics of how they vary take two."""
    least = max((call.metric.least for call in training.metrics), default=1)
    return f"max({least}, world)" if least > 1 else "world"


def _training_share(validation: float) -> str:
    """What is left to train on; the two shares must not add up to more than 1."""
    share = round(1 - validation, 10)
    return write_literal(share if share + validation == 1 else 1 - validation)


def _one_reads_both(training: Training) -> bool:
    """Whether one function reads the data and what validates: they differ in its arguments only."""
    first, second = training.dataset, training.validation_data
    if second is None or type(first) is not type(second):
        return False
    places = {place.name for place in first.places()}
    given = [{k: v for k, v in s.given.items() if k not in places} for s in (first, second)]
    return bool(places) and given[0] == given[1] and first.declared == second.declared


def _call(function: str, dataset: Dataset) -> str:
    return f"{function}({', '.join(map(_argument, dataset.places()))})"


def _argument(place: Place) -> str:
    value = write_literal(place.value)
    return f"{place.name}={value}" if isinstance(place.value, bool) else value


def _function(name: str, dataset: Dataset, sizes: Mapping[str, int]) -> list[str]:
    """A function that reads a source."""
    places = ", ".join(f"{place.name}: {place.kind}" for place in dataset.places())
    made = dataset.source() if dataset.streamed else _tensors(dataset.tensors())
    lines = [*docstring(dataset.told(), 1), *dataset.code(sizes), f"return {made}"]
    head = f"def {name}({places}) -> {dataset.kind()}:"
    return [head, *(f"    {line}" if line else "" for line in lines)]


def _tensors(texts: Sequence[str]) -> str:
    return f"TensorDataset({', '.join(texts)})"


def _sizes(training: Training) -> dict[str, int]:
    """The sizes of the data that the net decides, as numbers."""
    known = {name: value_of(dim) for name, dim in training.bound.items()}
    return {name: size for name, size in known.items() if size is not None}
