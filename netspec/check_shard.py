"""Check that what is trained can be spread over several processes."""

from collections.abc import Iterator, Mapping, Sequence

from netspec import syntax as s
from netspec.diagnostic import Diagnostics
from netspec.names import listing
from netspec.settings import Settings
from netspec.training import Step, TrainedNet

# Optimisers whose step fails on weights that are in shares.
_FAILING = frozenset(("Adafactor", "Rprop"))


def check_shard(
    given: Mapping[str, s.Assign],
    settings: Settings,
    trained: Sequence[TrainedNet],
    steps: Sequence[Step],
    found: Diagnostics,
) -> None:
    """Report what cannot be done with weights of which each process has a share."""
    if not settings.shard:
        return
    reasons = [*_settings(given, settings), *_nets(trained, steps), *_optimizers(steps)]
    for message, label, help in reasons:
        place = given["shard"].target.span
        found.add("conflicting-settings", message, place, label=label, help=help)


Reason = tuple[str, str, str]  # message, label and a way out


def _settings(given: Mapping[str, s.Assign], settings: Settings) -> Iterator[Reason]:
    for name, why, on in (
        ("ema", "an average is a second net, which would have to be spread, too", settings.ema),
        ("swa", "an average is a second net, which would have to be spread, too", settings.swa),
        ("compile", "compiled code breaks wherever a block gathers its weights", settings.compile),
        ("channels_last", "torch spreads weights in the usual order only", settings.channels_last),
        ("precision", "the scaler of a process sees its share alone", _is_half(settings)),
        ("export", "`best.pt` is gathered, nothing else is", settings.export != "pt"),
    ):
        if name in given and on:
            value = f' = "{getattr(settings, name)}"' if name in ("precision", "export") else ""
            yield (
                f"`shard` and `{name}{value}` exclude each other",
                why,
                'write `precision = "bfloat16"`, or remove `shard`'
                if name == "precision"
                else f"remove `shard` or `{name}`",
            )


def _is_half(settings: Settings) -> bool:
    return settings.precision == "float16"


def _nets(trained: Sequence[TrainedNet], steps: Sequence[Step]) -> Iterator[Reason]:
    names = dict.fromkeys(item.name for item in trained)
    names |= dict.fromkeys(name for step in steps for name in step.moves)
    if len(names) > 1:
        yield (
            f"`shard` is for one net, and the section has {listing(names)}",
            "what is spread is one net",
            "remove `shard`, or make one net of them",
        )
    for item in trained:
        if item.net.devices:
            yield (
                f"`shard` spreads a net over devices, and parts of `{item.net.name}` have some",
                "a part would be in two places",
                "remove `shard`, or the devices of the parts",
            )
        if inplace := [k for k, x in item.net.layers.items() if x.layer.given.get("inplace")]:
            yield (
                f"`shard` and `inplace=True` of `{inplace[0]}` exclude each other",
                "torch loses what gathers a block's weights, where its output is changed in place",
                "remove `shard`, or `inplace=True`",
            )
        if sparse := sorted(item.net.sparse_parameters()):
            yield (
                f"`shard` and the sparse gradient of `{sparse[0]}` exclude each other",
                "a sparse gradient cannot be cut into shares",
                "remove `shard`, or `sparse=True`",
            )


def _optimizers(steps: Sequence[Step]) -> Iterator[Reason]:
    for call in (call for step in steps for call in step.optimizers):
        title = type(call.optimizer).__name__
        if call.optimizer.closure:
            yield (
                f"`shard` and the optimiser `{title}` exclude each other",
                "it works with all weights as one vector",
                "remove `shard`, or take `AdamW`, say",
            )
        elif title in _FAILING:
            yield (
                f"`shard` and the optimiser `{title}` exclude each other",
                "torch cannot take its step with weights in shares",
                "remove `shard`, or take `AdamW`, say",
            )
