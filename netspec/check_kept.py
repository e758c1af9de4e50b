"""Check what `name[i]` keeps: under which number, and that it is there to be read."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from netspec import syntax as s
from netspec.catalogue.signature import write_value
from netspec.dim import Expression
from netspec.evaluate import UNKNOWN, Unknown, evaluate
from netspec.flow import Bundle, Value
from netspec.visit import depends_on, names_in, statements_in

if TYPE_CHECKING:
    from netspec.check_net import Checker
    from netspec.walk import Walker

Kept = dict[tuple[str, Any], Value]  # by name and number


def store(checker: "Checker", target: s.Element, value: Value) -> None:
    """Keep a value for later."""
    index = evaluate(target.at, checker.scope, checker.found)
    if index is UNKNOWN:
        return
    if isinstance(index, Expression):
        checker.found.add(
            "wrong-index",
            "a value is kept under a number that is known when the net is built",
            target.at.span,
            label="known only when data flows",
            help="collect values of such a loop in a tensor, with `cat`",
        )
        return
    name = target.name.id
    checker.stores[name][index] = value
    checker.lost.pop((name, index), None)
    if isinstance(value, Bundle):
        checker.bundles.add(name)


def read_store(checker: "Checker", node: s.Subscript, name: str, index: Any) -> Value:
    """What is kept under a number; UNKNOWN after reporting that nothing is."""
    kept = checker.stores[name]
    if isinstance(index, Unknown):
        return UNKNOWN
    if isinstance(index, int) and index in kept:
        value: Value = kept[index]
        return value
    written = f"{name}[{write_value(index)}]"
    why = checker.lost.get((name, index)) if isinstance(index, int) else None
    if why is not None:
        checker.found.add(
            "maybe-undefined",
            f"`{written}` has no value on every way to this place",
            node.span,
            label=why,
            help="give it a value before that, too",
        )
        return UNKNOWN
    checker.found.add(
        "index-out-of-range",
        f"nothing is kept under `{written}`",
        node.span,
        label=f"kept are {', '.join(str(key) for key in kept)}" if kept else "nothing is kept yet",
        help=f"give it a value before that: `{written} = …`",
    )
    return UNKNOWN


def kept_by(walker: "Walker") -> Kept:
    """All that is kept so far."""
    return {(name, at): value for name, kept in walker.stores.items() for at, value in kept.items()}


def lose(checker: "Checker", keys: set[tuple[str, Any]], why: str) -> None:
    """Nothing is kept under these numbers on every way to what follows."""
    for name, at in keys:
        checker.stores[name].pop(at, None)
        checker.lost[name, at] = why


def follows_turn(body: Sequence[s.Statement], branch: s.If) -> bool:
    """Whether the turns of the loops around a branch decide it: what it keeps, they keep."""
    statements = list(statements_in(tuple(body)))
    turning = {
        name.id
        for item in statements
        if isinstance(item, s.For) and item.span.start <= branch.span.start < item.span.end
        for name in names_in(item.target)
    }
    return depends_on(branch.test, turning, statements)
