"""A spec as programs use it: load, check, build, render, summarise."""

from collections.abc import Collection, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netspec.bounds import current, limited
from netspec.catalogue.registry import is_own
from netspec.check import check
from netspec.check_labels import warn_unlabelled
from netspec.checked import Graph
from netspec.diagnostic import Diagnostic, Diagnostics, SpecError, did_you_mean
from netspec.graph import Net, Unfinished
from netspec.parse import parse
from netspec.source import Source, Undecodable, decode
from netspec.structure import has_structure
from netspec.uses import Loader

if TYPE_CHECKING:
    from torch import nn

    from netspec.explain_init import Initialisation
    from netspec.instantiate import Origin
    from netspec.program import Program
    from netspec.summary import Sketch, Summary


def load(
    path: str | Path,
    /,
    *,
    net: str | None = None,
    allow_extern: Collection[str] = (),
    **parameters: Any,
) -> "Spec":
    """Read and check the spec at `path`.

    Args:
        path: a `.net` file.
        net: the net that `build` and `summary` mean, where the file has several.
        allow_extern: modules written in Python that `build` may import, each with its submodules.
        parameters: values for parameters of its nets, in place of their defaults.

    Raises:
        SpecError: if the spec has errors, or cannot be read; `.diagnostics` has them all.
    """
    return load_with(path, parameters, net, allow_extern)


def load_with(
    path: str | Path,
    parameters: Mapping[str, Any],
    net: str | None = None,
    allow_extern: Collection[str] = (),
) -> "Spec":
    """`load`, with the parameters as a mapping: their names are the spec's own affair."""
    return _checked(*read_source(path), net, parameters, read_used, allow_extern)


def read_used(path: str, user: Source) -> Source | None:
    """The source of a file by its path relative to `user`; None where there is none."""
    place = Path(user.name).parent / path
    source, unreadable = read_source(place)
    return None if unreadable is not None else source


def loads(
    text: str,
    /,
    *,
    name: str = "<spec>",
    net: str | None = None,
    allow_extern: Collection[str] = (),
    **parameters: Any,
) -> "Spec":
    """Check the spec in `text`; `name` is what diagnostics call it.

    Raises:
        SpecError: if the spec has errors; `.diagnostics` has them all.

    >>> spec = loads("net Tiny()(x: float32[N, 4]) { return x -> Linear(2) }")
    >>> print(spec.nets)
    ('Tiny',)
    """
    source = Source(text.replace("\r\n", "\n"), name)
    return _checked(source, None, net, parameters, None, allow_extern)


def read_source(path: str | Path) -> tuple[Source, Diagnostics | None]:
    """The source at `path`, with what makes it unreadable, where something does."""
    name = str(path)
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        return _unreadable(name, type(error), error.strerror or "")
    except ValueError:
        return _unreadable(name, ValueError, "no file has such a name")
    try:
        return Source(decode(data), name), None
    except Undecodable as error:
        source = Source(error.text, name)
        found = Diagnostics(source)
        line, column = source.position(len(error.text))
        found.add(
            "not-text",
            f"not a text file: {error.reason} (line {line}, column {column})",
            None,
            help="a spec is UTF-8 text; save it in that encoding",
        )
        return source, found


def _unreadable(name: str, error: type[Exception], reason: str) -> tuple[Source, Diagnostics]:
    source = Source("", name)
    found = Diagnostics(source)
    reasons: dict[type[Exception], tuple[str, str]] = {
        FileNotFoundError: ("there is no such file", "check the path"),
        IsADirectoryError: ("it is a directory", "name the `.net` file in it"),
        PermissionError: ("reading it is not permitted", "check its permissions"),
    }
    why, help = reasons.get(error, (reason.lower(), "check the path"))
    found.add("cannot-read", f"cannot read {name}: {why}", None, help=help)
    return source, found


def examine(
    source: Source,
    unreadable: Diagnostics | None,
    parameters: Mapping[str, Any],
    loader: Loader | None = None,
    warn: Collection[str] = (),
) -> tuple[Graph | None, tuple[Diagnostic, ...]]:
    """The graph of a source and all findings; no graph where something is wrong.

    `warn` has the codes of warnings that are given on demand only: "unlabelled".
    """
    if unreadable is not None:
        return None, unreadable.in_order()
    graph, found, _ = _check(source, parameters, loader)
    if "unlabelled" in warn and not found.has_errors:
        warn_unlabelled(graph, found)
    return (None if found.has_errors else graph), found.in_order()


def _check(
    source: Source, parameters: Mapping[str, Any], loader: Loader | None
) -> "tuple[Graph, Diagnostics, Program | None]":
    """The graph, all findings, and the program where it had to be made to find them."""
    parsed = parse(source)
    graph = check(source, parsed, parameters, loader)
    program = None if parsed.found.has_errors else _require_form(graph, parsed.found)
    return graph, parsed.found, program


def sketch(
    source: Source,
    unreadable: Diagnostics | None,
    parameters: Mapping[str, Any],
    loader: Loader | None = None,
    net: str | None = None,
) -> tuple["Sketch", ...]:
    """What could be followed of the nets that fail, and where they do; or of the one called `net`.

    Where what fails is in none of them, of all nets.
    """
    from netspec.summary import sketch_net

    if unreadable is not None:
        return ()
    graph, found, _ = _check(source, parameters, loader)
    nets: list[Net | Unfinished] = [*graph.nets.values(), *graph.unfinished.values()]
    nets.sort(key=lambda item: item.syntax.span)
    if net is not None:
        return tuple(sketch_net(item, found) for item in nets if item.name == net)
    sketches = [sketch_net(item, found) for item in nets]
    return tuple([item for item in sketches if item.fails] or sketches)


def _require_form(graph: Graph, found: Diagnostics) -> "Program | None":
    """Report what holds for the present parameters only, so that no class can be written for it."""
    if not any(has_structure(net) or _has_own(net) for net in graph.nets.values()):
        return None
    from netspec.lower import lower

    try:
        return lower(graph)
    except SpecError as error:
        found.extend(error.diagnostics)
        return None


def _has_own(net: Net) -> bool:
    """Whether a net has registered layers: their rules may fail on a formula."""
    return any(is_own(type(built.layer)) for built in net.layers.values())


def _checked(
    source: Source,
    unreadable: Diagnostics | None,
    net: str | None,
    parameters: Mapping[str, Any],
    loader: Loader | None,
    allow_extern: Collection[str],
) -> "Spec":
    if unreadable is not None:
        raise SpecError(unreadable.in_order())
    graph, found, program = _check(source, parameters, loader)
    if found.has_errors:
        raise SpecError(found.in_order())
    return Spec(graph, found.in_order(), dict(parameters), net, loader, allow_extern, program)


class Spec:
    """A spec that has passed its check.

    `diagnostics` has its warnings and hints. `nets` has the names of its nets. `allow_extern` has
    the modules written in Python that `build` may import.
    """

    def __init__(
        self,
        graph: Graph,
        diagnostics: tuple[Diagnostic, ...],
        parameters: Mapping[str, Any],
        net: str | None = None,
        loader: Loader | None = None,
        allow_extern: Collection[str] = (),
        program: "Program | None" = None,
    ) -> None:
        self._loader = loader
        self._program = program
        self._limits = current()
        self.allow_extern = allow_extern
        self.graph = graph
        self.diagnostics = diagnostics
        self.parameters = dict(parameters)
        self._net = net
        if net is not None:
            self.net(net)

    def __repr__(self) -> str:
        return f"<Spec {self.graph.source.name}: {', '.join(self.nets)}>"

    @property
    def nets(self) -> tuple[str, ...]:
        """The names of the nets, in the order of the file."""
        return tuple(self.graph.nets)

    def net(self, name: str | None = None) -> Net:
        """The checked net called `name`; the only one where no name is given.

        Raises:
            SpecError: where there is no such net, or there are several.
        """
        name = name or self._net
        if name is None and len(self.nets) == 1:
            name = self.nets[0]
        if name is not None and name in self.graph.nets:
            return self.graph.nets[name]
        found = Diagnostics(self.graph.source)
        if not self.nets:
            found.add("no-net", "the spec has no net", None, help="add one: `net Name()(…) { … }`")
        elif name is None:
            found.add(
                "several-nets",
                f"the spec has several nets: {', '.join(self.nets)}",
                None,
                help=f"say which one: `net={self.nets[0]!r}` in Python, `--net {self.nets[0]}`",
            )
        else:
            found.add(
                "unknown-net",
                f"the spec has no net `{name}`",
                None,
                help=did_you_mean(name, self.nets) or f"its nets are {', '.join(self.nets)}",
            )
        raise SpecError(found.in_order())

    def with_parameters(self, **parameters: Any) -> "Spec":
        """The same spec, checked with other values of its parameters.

        Raises:
            SpecError: if it does not hold with these values.
        """
        values = {**self.parameters, **parameters}
        source = self.graph.source
        with limited(self._limits):
            return _checked(source, None, self._net, values, self._loader, self.allow_extern)

    def unlabelled(self) -> tuple[Diagnostic, ...]:
        """Warnings for layers without a label, whose keys shift when others join them."""
        found = Diagnostics(self.graph.source)
        warn_unlabelled(self.graph, found)
        return found.in_order()

    def build(
        self,
        *,
        net: str | None = None,
        device: str | None = None,
        allow_extern: Collection[str] | None = None,
        **parameters: Any,
    ) -> "nn.Module":
        """A fresh `nn.Module` of the net: an instance of the class that `render` writes.

        Args:
            net: which net, where there are several.
            device: where it lives, in place of what the spec says; parts that the spec places with
                `on` stay there.
            allow_extern: modules written in Python that it may import, each with its submodules,
                in place of those that the spec was loaded with.
            parameters: values of the net's parameters, in place of their defaults.

        Raises:
            SpecError: if the spec does not hold with these parameters, or the device is unknown;
                if an `extern` is not allowed, not there, or not what the spec says; if the class of
                a registered layer is not there, or not what the layer says.
            RuntimeError: from torch, if this machine does not have the device.
        """
        spec = self.with_parameters(**parameters) if parameters else self
        chosen = spec.net(net)
        if device is not None:
            _require_device(device, self.graph.source)
            _require_values(chosen, device)
        from netspec.permission import require_allowed

        allowed = self.allow_extern if allow_extern is None else allow_extern
        require_allowed(spec.program.externs, allowed)
        return spec._make(chosen, device or chosen.device)

    def _make(self, net: Net, device: str) -> "nn.Module":
        """A module of a net; what is written in Python is imported, and held against the spec."""
        from netspec.instantiate import build_in_parts, build_module

        externs = self.program.externs
        origin = self.origin(net.name)
        make = build_in_parts if net.devices else build_module
        if not externs:
            return make(origin, {}, device)
        from netspec.import_extern import constructor_error, import_classes
        from netspec.probe import probe

        import_classes(externs)
        try:
            model = make(origin, {}, device)
        except Exception as error:
            wrong = constructor_error(error, externs, self.source)
            if wrong is None:
                raise
            raise wrong from error
        probe(model, net)
        return model

    def origin(self, class_name: str) -> "Origin":
        """What a class of the generated module can be made from."""
        from netspec.instantiate import Origin

        names = tuple((item.module, item.name, item.alias) for item in self.program.externs)
        return Origin(self.source, self.graph.source.name, class_name, names)

    @cached_property
    def program(self) -> "Program":
        """The generated module as data."""
        if self._program is not None:
            return self._program
        from netspec.lower import lower

        with limited(self._limits):
            return lower(self.graph)

    @cached_property
    def source(self) -> str:
        """The source of `model.py`."""
        from netspec.guard import verify
        from netspec.render import render

        source = render(self.program)
        verify(source, [(item.module, item.name) for item in self.program.externs])
        return source

    def render(self) -> dict[str, str]:
        """The generated files by name: `model.py`, and `train.py` where the spec says how."""
        files = {"model.py": self.source}
        if self.graph.trainings:
            from netspec.lower_train import render_train

            for training in self.graph.trainings.values():
                name = self.script_name(training.name)
                files[name] = render_train(training, name)
        return files

    def script_name(self, training: str) -> str:
        """The file of a training: `train.py`, or one for each where there are several."""
        return "train.py" if len(self.graph.trainings) == 1 else f"train_{training.lower()}.py"

    def summary(self, *, net: str | None = None) -> "Summary":
        """The layers of a net with output shapes, parameters and MACs, and the totals."""
        from netspec.summary import summarise

        return summarise(self.net(net))

    def explain_init(self, *, net: str | None = None) -> "Initialisation":
        """How each parameter of a net is initialised, and which rule says so."""
        from netspec.explain_init import explain_init

        return explain_init(self.net(net))


def _require_values(net: Net, device: str) -> None:
    from netspec.check_parametrization import check_values

    found = Diagnostics(net.source)
    check_values(net.layers.values(), (device,), found)
    if found.has_errors:
        raise SpecError(found.in_order())


def _require_device(device: str, source: Source) -> None:
    from netspec import syntax
    from netspec.check_device import check_device
    from netspec.source import Span

    found = Diagnostics(source)
    check_device(syntax.Literal(device, Span(0, 0)), found)
    if found.has_errors:
        raise SpecError([d._replace(span=None) for d in found.in_order()])
