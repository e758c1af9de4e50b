"""Make the registered layers of losses and try them, before the script of their training runs."""

from collections.abc import Iterator

from netspec.catalogue.registry import is_own, own_named
from netspec.generalise import generalise_net
from netspec.graph import Application
from netspec.lower import write_class
from netspec.plan import Plan
from netspec.pool import ClassPool
from netspec.program import Import, Line
from netspec.training import Step, Training
from netspec.visit import names_in

_TITLE = "Losses"


def loss_layers(training: Training) -> list[Import]:
    """The classes of the registered layers that the losses of a training use."""
    return [item for _, items, _ in _written(training) for item in items]


def try_losses(training: Training) -> None:
    """Import these classes, make the layers as the script does, and hold them against theirs.

    Raises:
        SpecError: where a class is not there, cannot be made, or is not what its layer says.
    """
    from netspec.import_extern import constructor_error, import_classes
    from netspec.instantiate import Origin, build_module
    from netspec.probe import probe

    for step, items, lines in _written(training):
        import_classes(items)
        source = _source(items, lines)
        externs = tuple((item.module, item.name, item.alias) for item in items)
        origin = Origin(source, step.graph.source.name, _TITLE, externs)
        try:
            made = build_module(origin, {}, "cpu")
        except Exception as error:
            wrong = constructor_error(error, items, source)
            if wrong is None:
                raise
            raise wrong from error
        tried = [one for one in step.graph.steps if isinstance(one, Application)]
        probe(made, step.graph._replace(steps=tried))


def _written(training: Training) -> Iterator[tuple[Step, list[Import], list[Line]]]:
    """The steps whose loss has registered layers, these, and what makes all layers of the loss."""
    for step in training.steps:
        if not any(is_own(type(p)) for b in step.graph.layers.values() for p in b.layer.whole()):
            continue
        body = step.graph.syntax.body
        titles = sorted({name.id for name in names_in(body)})
        own = [name for title in titles for name in own_named(title)]
        home = step.graph.home
        pool = ClassPool(write_class, home, {_TITLE}, list(home.externs().values()), own)
        facts = generalise_net(step.graph)
        pool.require_general(facts)
        written, _ = write_class(Plan(step.graph.name, facts, body), pool)
        made = [f"self.{name}" for name in step.graph.layers]
        lines = [line for line in written.constructor if line.text.partition(" = ")[0] in made]
        yield step, list(pool.layers.values()), lines


def _source(items: list[Import], lines: list[Line]) -> str:
    imports = [f"from {item.module} import {item}" for item in items]
    head = ["import torch", "from torch import nn", *imports, f"class {_TITLE}(nn.Module):"]
    body = ["    def __init__(self) -> None:", "        super().__init__()"]
    return "\n".join([*head, *body, *(f"        {line.text}" for line in lines), ""])
