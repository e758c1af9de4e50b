"""Check loops and branches: unfold those that are decided, hold the others to their shapes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from netspec import syntax as s
from netspec.check_kept import Kept, follows_turn, kept_by, lose
from netspec.dim import Expression, symbol, value_of
from netspec.evaluate import UNKNOWN, NotConstant, Scope, evaluate
from netspec.flow import Flow, Value, type_of
from netspec.source import Span
from netspec.tensor import Tensor, write_shape
from netspec.visit import names_in, title_of

if TYPE_CHECKING:
    from netspec.check_net import Checker
    from netspec.walk import Walker

# What can be wrong with a statement whatever the values are.
_STATIC = frozenset(
    {
        *("unknown-name", "unknown-layer", "unknown-function", "unknown-argument", "wrong-layer"),
        *("surplus-argument", "missing-argument", "duplicate-argument", "argument-order"),
        *("duplicate-label", "reserved-name", "keyword", "unknown-scheme", "not-supported"),
        "unknown-parametrization",
        *("duplicate-name", "recursion", "unknown-selector"),
    }
)

_ONE_SIDE = "given a value on one side of an `if` only"


def run_loop(checker: "Checker", loop: s.For) -> None:
    """Run the body of a loop for each item, or once where only data decides how often."""
    if is_open(checker, loop.iterable, loop.span):
        _run_open_loop(checker, loop)
        return
    items = evaluate(loop.iterable, checker.scope, checker.found)
    if items is UNKNOWN or not _can_loop(checker, loop, items):
        checker.forgiving = True
        return
    place = checker.names.loops.get(loop.span)
    before = set(checker.flows)
    prefix, turn = checker.prefix, checker.turn
    base = f"{prefix}{place.name}" if place else ""
    scope = dict(checker.scope)
    for number, item in enumerate(items):
        checker.site.spend(loop.iterable.span, checker.found)
        if place is not None and place.level:
            checker.prefix = f"{base}.{number}."
        elif place is not None:
            checker.turn = f"{base}.{number}"
        if not bind_target(checker, loop.target, item):
            break
        checker.run(loop.body)
    checker.prefix, checker.turn = prefix, turn
    _leave(checker, loop, scope, before, "given a value inside a loop only")
    if not items:
        with sketching(checker):
            for name in names_in(loop.target):
                checker.scope[name.id] = UNKNOWN
            checker.run(loop.body)


def _can_loop(checker: "Checker", loop: s.For, items: Any) -> bool:
    if isinstance(items, list | tuple):
        return True
    checker.found.add(
        "wrong-loop",
        "a loop runs over `range(…)`, a list, `enumerate`, `zip` or `reversed`",
        loop.iterable.span,
        label="not a list",
        help=f"write `range({checker.found.source.cut(loop.iterable.span)})`"
        if isinstance(items, int | Expression)
        else "",
    )
    return False


def bind_target(checker: "Checker", target: Any, item: Any) -> bool:
    """Give the names of a loop the values of a turn."""
    match target:
        case s.Name("_"):
            return True
        case s.Name(id):
            checker.scope[id] = item
            return True
        case s.Targets(parts) if isinstance(item, list | tuple) and len(item) == len(parts):
            return all(
                bind_target(checker, part, value) for part, value in zip(parts, item, strict=True)
            )
    count = len(item) if isinstance(item, list | tuple) else 1
    checker.found.add(
        "wrong-unpacking",
        f"each item of the loop has {count} part{'' if count == 1 else 's'}",
        target.span,
        label="takes another number of them",
        help="write one name for each part",
    )
    return False


def _leave(
    checker: "Checker", loop: s.For, scope: dict[str, Any], before: set[str], why: str
) -> None:
    """Take away what has a meaning inside a loop only."""
    for name in names_in(loop.target):
        if name.id in scope:
            checker.scope[name.id] = scope[name.id]
        else:
            checker.scope.pop(name.id, None)
    for inner in set(checker.flows) - before:
        del checker.flows[inner]
        checker.scope.pop(inner, None)
        checker.poisoned[inner] = why


def is_open(walker: "Walker", iterable: s.Expression, span: Span) -> bool:
    """Whether a loop is one of `forward`: its length is a size, and it builds no layers."""
    if title_of(iterable) != "range":
        return False
    sizes = {
        name.id
        for item in walker.definition.inputs
        for dim in (item.type.shape if item.type else ())
        for name in names_in(dim)
    } - {parameter.name.id for parameter in walker.definition.parameters}
    for name in names_in(iterable):
        value = walker.scope.get(name.id)
        if isinstance(value, Expression) and value_of(value) is None:
            return True
        if name.id in sizes and span not in walker.names.loops:
            return True
    return False


def _run_open_loop(checker: "Checker", loop: s.For) -> None:
    if loop.span in checker.names.loops:
        checker.found.add(
            "layer-in-open-loop",
            "a layer cannot be built in a loop whose length only data decides",
            loop.iterable.span,
            label="known only when data flows",
            help="name it before the loop, with `layer name = …`, and apply it inside",
        )
        checker.forgiving = True
        return
    if not isinstance(loop.target, s.Name):
        checker.found.add(
            "wrong-unpacking", "`range` gives single numbers", loop.target.span, label="one name"
        )
        return
    before, scope = dict(checker.flows), dict(checker.scope)
    kept_before = kept_by(checker)
    checker.scope[loop.target.id] = symbol(loop.target.id)
    checker.run(loop.body)
    for name, value in before.items():
        _require_same(checker, name, value, checker.flows.get(name, UNKNOWN), loop)
    kept = kept_by(checker)
    for (name, at), value in kept_before.items():
        _require_same(checker, f"{name}[{at}]", value, kept.get((name, at), UNKNOWN), loop)
    why = "given a value inside a loop that may run no turn"
    _leave(checker, loop, scope, set(before), why)
    lose(checker, kept.keys() - kept_before.keys(), why)


def _require_same(checker: "Checker", name: str, first: Value, then: Value, loop: s.For) -> None:
    a, b = type_of(first), type_of(then)
    if a is None or b is None or a == b:
        return
    what = (
        f"from {write_shape(a.shape)} to {write_shape(b.shape)}"
        if isinstance(a, Tensor) and isinstance(b, Tensor)
        else "its type"
    )
    span = then.span if isinstance(then, Flow) else loop.target.span
    checker.found.add(
        "loop-shape",
        f"`{name}` changes {what} in a loop whose length only data decides",
        span,
        label="another shape in the next turn",
        help="keep the shape from turn to turn, or collect the values otherwise",
    )


def run_branch(checker: "Checker", branch: s.If) -> None:
    """Run the side of a branch that is taken, or both where only data or the mode decides."""
    if decided_by_data(checker, branch.test):
        _run_open_branch(checker, branch)
        return
    if checker.has_flow(branch.test):
        checker.flow(branch.test)
        checker.found.add(
            "not-supported",
            "a branch cannot depend on a tensor",
            branch.test.span,
            label="known only when data flows",
            help="use `where(condition, a, b)`",
        )
        checker.forgiving = True
        return
    test = evaluate(branch.test, checker.scope, checker.found)
    if test is UNKNOWN:
        checker.forgiving = True
        return
    taken, other = (branch.then, branch.other) if test else (branch.other, branch.then)
    before, kept_before = set(checker.flows), kept_by(checker)
    with sketching(checker) as sketch:
        checker.run(other)
        sketch.update(checker.flows)
        kept = kept_by(checker)
    checker.run(taken)
    poison(checker, before, set(sketch), set(checker.flows))
    if not follows_turn(checker.definition.body, branch):
        lose(checker, (kept.keys() ^ kept_by(checker).keys()) - kept_before.keys(), _ONE_SIDE)


def poison(checker: "Walker", before: set[str], one: set[str], other: set[str]) -> None:
    """Names that only one side of a branch gives a value have none after it."""
    for name in (one ^ other) - before:
        checker.poisoned[name] = _ONE_SIDE
        checker.flows.pop(name, None)
        if isinstance(checker.scope.get(name), NotConstant):
            del checker.scope[name]


def decided_by_data(checker: "Walker", test: s.Expression) -> bool:
    """Whether the mode of the net or sizes of the data decide a test."""
    for name in names_in(test):
        value = checker.scope.get(name.id)
        if isinstance(value, Expression) and value_of(value) is None:
            return True
        if name.id == "training" and value is None and name.id not in checker.flows:
            return True
    return False


def _run_open_branch(checker: "Checker", branch: s.If) -> None:
    checker.site.opened.add((checker.found.source.name, branch.span))
    before, kept_before = dict(checker.flows), kept_by(checker)
    stores = {name: dict(kept) for name, kept in checker.stores.items()}
    if "training" not in checker.scope:
        checker.scope["training"] = True
    evaluate_quietly(checker, branch.test)
    scope = dict(checker.scope)
    checker.run(branch.then)
    then, kept = dict(checker.flows), kept_by(checker)
    _restore(checker.flows, before)
    _restore(checker.scope, scope)
    _restore(checker.stores, stores)
    checker.run(branch.other)
    checker.scope.pop("training", None)
    _join_kept(checker, branch, kept, kept_before)
    for name in set(then) & set(checker.flows):
        if _differ(checker, branch, name, then[name], checker.flows[name]):
            checker.flows[name] = UNKNOWN
    poison(checker, set(before), set(then), set(checker.flows))


def _join_kept(checker: "Checker", branch: s.If, then: Kept, before: Kept) -> None:
    """What both sides keep is kept behind them."""
    other = kept_by(checker)
    lose(checker, (then.keys() ^ other.keys()) - before.keys(), _ONE_SIDE)
    for name, at in then.keys() & other.keys():
        if _differ(checker, branch, f"{name}[{at}]", then[name, at], other[name, at]):
            checker.stores[name][at] = UNKNOWN


def _differ(checker: "Checker", branch: s.If, name: str, then: Value, other: Value) -> bool:
    """Whether a value has another type on the other side; that is reported."""
    a, b = type_of(then), type_of(other)
    if a is None or b is None or a == b:
        return False
    checker.found.add(
        "branch-shape",
        f"`{name}` is {a} on one side of the branch and {b} on the other",
        branch.test.span,
        label="decided only when the net runs",
        help="bring both sides to the same shape",
    )
    return True


def evaluate_quietly(checker: "Checker", test: s.Expression) -> None:
    """Report what is wrong with a test, except that it cannot be decided."""
    trial = Scope({k: 2 if isinstance(v, Expression) else v for k, v in checker.scope.items()})
    evaluate(test, trial, checker.found)


@contextmanager
def sketching(checker: "Checker") -> Iterator[dict[str, Value]]:
    """While this lasts, nothing is built, and only what is wrong in any case is reported."""
    flows, scope = dict(checker.flows), dict(checker.scope)
    stores = {name: dict(kept) for name, kept in checker.stores.items()}
    lost, poisoned = dict(checker.lost), dict(checker.poisoned)
    layers, forgiving = dict(checker.layers), checker.forgiving
    checker.site.muted += 1
    sketch: dict[str, Value] = {}
    found, checker.found = checker.found, checker.found.only(_STATIC)
    try:
        yield sketch
    finally:
        checker.found = found
    checker.site.muted -= 1
    _restore(checker.flows, flows)
    _restore(checker.scope, scope)
    _restore(checker.stores, stores)
    _restore(checker.lost, lost)
    _restore(checker.layers, layers)
    _restore(checker.poisoned, poisoned)
    checker.forgiving = forgiving


def _restore(now: dict[Any, Any], before: dict[Any, Any]) -> None:
    now.clear()
    now.update(before)
