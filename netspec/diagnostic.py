"""What is wrong with a spec, as data: a stable code, a place, what was found, why, the way out."""

from collections.abc import Callable, Iterable, Sequence
from typing import Literal, NamedTuple

from netspec.source import Source, Span

Severity = Literal["error", "warning", "hint"]
_LONGEST = 300  # characters of a text
_TAIL = 60  # of them from its end, where it is cut
_SHORT = 5  # characters: in names below that, one slip is all that is forgiven


class Diagnostic(NamedTuple):
    """One finding.

    `message` says what was found, `label` stands under the carets and says why it cannot be,
    `notes` tell where the parts come from, `help` is one way out. `span` is None where the finding
    is about the file as a whole.
    """

    code: str
    message: str
    source: Source
    span: Span | None = None
    label: str = ""
    notes: tuple[str, ...] = ()
    help: str = ""
    severity: Severity = "error"

    @property
    def place(self) -> str:
        """`file:line:column` of the first character."""
        if self.span is None:
            return self.source.name
        line, column = self.source.position(self.span.start)
        return f"{self.source.name}:{line}:{column}"


class SpecError(Exception):
    """A spec that cannot be built; `diagnostics` holds all findings, in source order."""

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        first = next((d for d in self.diagnostics if d.severity == "error"), self.diagnostics[0])
        errors = sum(d.severity == "error" for d in self.diagnostics)
        more = f" (and {errors - 1} more)" if errors > 1 else ""
        super().__init__(f"{first.place}: error[{first.code}]: {first.message}{more}")

    def __reduce__(self) -> tuple[type["SpecError"], tuple[tuple[Diagnostic, ...]]]:
        return SpecError, (self.diagnostics,)


class Diagnostics:
    """Collects findings; the same one at the same place only once.

    A view, made with `inside`, `only` or `heard`, adds to the same collection.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.notes: tuple[str, ...] = ()
        self.codes: frozenset[str] | None = None
        self.listener: Callable[[Diagnostic], None] | None = None
        self._found: dict[tuple[object, ...], Diagnostic] = {}

    def inside(self, source: Source, notes: Iterable[str]) -> "Diagnostics":
        """A view for what stands in `source`; each finding gets further notes."""
        view = self._view()
        view.source = source
        view.notes = tuple(notes)
        return view

    def only(self, codes: frozenset[str]) -> "Diagnostics":
        """A view that lets only findings with these codes through."""
        view = self._view()
        view.codes = codes if self.codes is None else codes & self.codes
        return view

    def heard(self, listener: Callable[[Diagnostic], None]) -> "Diagnostics":
        """A view that tells `listener` of each error, also of one that is known."""
        view = self._view()
        view.listener = listener
        return view

    def _view(self) -> "Diagnostics":
        view = Diagnostics(self.source)
        view.notes, view.codes, view._found = self.notes, self.codes, self._found
        view.listener = self.listener
        return view

    def add(
        self,
        code: str,
        message: str,
        span: Span | None,
        *,
        label: str = "",
        notes: Iterable[str] = (),
        help: str = "",
        severity: Severity = "error",
    ) -> None:
        if self.codes is not None and code not in self.codes:
            return
        message, label, help = _cut(message), _cut(label), _cut(help)
        notes = tuple(_cut(note) for note in (*notes, *self.notes))
        span = span and Span(*span)
        found = Diagnostic(code, message, self.source, span, label, notes, help, severity)
        # A block that is used often says once what is wrong with it.
        words = "" if self.notes else message
        self._found.setdefault((code, self.source.name, span, words), found)
        if self.listener is not None and severity == "error":
            self.listener(found)

    def extend(self, others: Iterable[Diagnostic]) -> None:
        for other in others:
            key = (other.code, other.source.name, other.span, other.message)
            self._found.setdefault(key, other)

    @property
    def error_count(self) -> int:
        return sum(found.severity == "error" for found in self._found.values())

    @property
    def has_errors(self) -> bool:
        return self.error_count > 0

    def in_order(self) -> tuple[Diagnostic, ...]:
        """All findings in source order, those of the file itself before those of others."""
        own = self.source.name
        return tuple(
            sorted(
                self._found.values(),
                key=lambda d: (d.source.name != own, d.source.name, d.span or Span(-1, -1)),
            )
        )


def _cut(text: str) -> str:
    """`text`, readable whatever names and values a spec puts into it."""
    if len(text) <= _LONGEST:
        return text
    return f"{text[: _LONGEST - _TAIL - 1]}…{text[-_TAIL:]}"


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """`did you mean `Conv2d`?`, or nothing where no candidate is near."""
    near = nearest(name, candidates)
    return f"did you mean `{near}`?" if near else ""


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate that a slip of the pen away from `name`."""
    from difflib import get_close_matches

    pool = [c for c in dict.fromkeys(candidates) if c != name]
    folded = {c.lower(): c for c in reversed(pool)}
    lower = name.lower()
    if lower in folded:
        return folded[lower]
    if len(lower) < _SHORT:
        slips = [c for c in folded if c.startswith(lower) or _is_slip(lower, c)]
        close = get_close_matches(lower, slips, n=1, cutoff=0.66)
    else:
        close = get_close_matches(lower, list(folded), n=1, cutoff=0.67)
    return folded[close[0]] if close else None


def _is_slip(name: str, other: str) -> bool:
    """Whether one letter is too few or too many, two are swapped, or one of four is another."""
    if len(name) < len(other):
        name, other = other, name
    at = next((i for i, (a, b) in enumerate(zip(name, other, strict=False)) if a != b), len(other))
    if len(name) > len(other):
        return len(other) > 1 and name[at + 1 :] == other[at:]
    swapped = name[at : at + 2] == other[at : at + 2][::-1] and name[at + 2 :] == other[at + 2 :]
    return swapped or (len(name) > 3 and name[at + 1 :] == other[at + 1 :])
