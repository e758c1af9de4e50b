"""Write how a training script shares the parameters of a step between optimisers and groups."""

import builtins
from collections.abc import Collection, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from netspec import syntax as s
from netspec.lower_init import classes_of, name_test
from netspec.names import free_name, layer_stem
from netspec.script_names import script_problem
from netspec.write import write_literal

Selector = s.Name | s.Literal


class Trained(NamedTuple):
    """What is trained together, in the words of the script.

    `parameters`: the expression for all parameters; `whole`: one module of them, where they have
    the names that selectors mean. `names`: these names; None where parts that are written in Python
    have some that nobody knows of.
    """

    parameters: str
    whole: str
    names: tuple[str, ...] | None


class Share(NamedTuple):
    """The variable for a list of parameters, and what selects them: nothing for all that is left.

    `vectors`: it has what is no matrix.
    """

    variable: str
    selectors: tuple[Selector, ...] = ()
    vectors: bool = False


def write_shares(trained: Trained, shares: Sequence[Share], taken: Collection[str]) -> list[str]:
    """The lines that make the lists: each has what it selects, and no share before it.

    `taken`: the names that the script has for other things.
    """
    used = {*taken, *(share.variable for share in shares)}
    one = free_name("p", lambda name: name in used)
    lines: list[str] = []
    choices: list[_Choice] = []
    for share in shares:
        own, terms = _terms(trained, share, one, used)
        lines += own
        choices.append(_Choice(share.variable, terms))
    each, source = f"name, {one}", f"{trained.whole}.named_parameters()"
    if all(term.startswith(one) for choice in choices for term in choice.terms):
        each, source = one, trained.parameters
    if all(len(choice.terms) == 1 for choice in choices[:-1]):
        if len(choices) == 2:
            return [*lines, *_halves(choices[0], choices[1].variable, one, each, source)]
        if len(choices) == 3 and shares[1].vectors:
            others = free_name("others", lambda name: name in used)
            lines += _halves(choices[0], others, one, each, source)
            return [*lines, *_halves(choices[1], choices[2].variable, one, one, others)]
    return [*lines, *_loop(choices, one, each, source)]


class _Choice(NamedTuple):
    """A list, and the tests one of which a parameter of it passes; the last list has none."""

    variable: str
    terms: list[str]


def _halves(choice: _Choice, rest: str, one: str, each: str, source: str) -> list[str]:
    """The lines for a list and its rest, each by a test alone."""
    (test,) = choice.terms
    return [
        f"{choice.variable} = [{one} for {each} in {source} if {test}]",
        f"{rest} = [{one} for {each} in {source} if {_opposite(test, one)}]",
    ]


def _loop(choices: Sequence[_Choice], one: str, each: str, source: str) -> list[str]:
    """The lines that hand each parameter to the first list that wants it."""
    names = [choice.variable for choice in choices]
    lines = [f"{', '.join(names)} = {', '.join('[]' for _ in names)}", f"for {each} in {source}:"]
    for number, (name, terms) in enumerate(choices):
        word = f"{'elif' if number else 'if'} {' or '.join(terms)}" if terms else "else"
        lines += [f"    {word}:", f"        {name}.append({one})"]
    return lines


def _opposite(test: str, one: str) -> str:
    """The test that a parameter passes where it does not pass `test`."""
    for start, other in (
        (f"{one}.ndim < ", f"{one}.ndim >= "),
        (f"{one} in ", f"{one} not in "),
        ("name == ", "name != "),
    ):
        if test.startswith(start):
            return f"{other}{test.removeprefix(start)}"
    return f"not {test}"


def _terms(trained: Trained, share: Share, one: str, used: set[str]) -> tuple[list[str], list[str]]:
    """The tests of a parameter, one of which it has to pass, and the lines before them."""
    if share.vectors:
        return [], [f"{one}.ndim < 2"]
    classes = [x.id for x in share.selectors if isinstance(x, s.Name) and classes_of(x.id)]
    lines: list[str] = []
    terms: list[str] = []
    if classes:
        owned = free_name(_stem(classes), lambda name: name in used)
        used.add(owned)
        titles = (name for title in classes for name in sorted(classes_of(title)))
        kinds = " | ".join(f"nn.{name}" for name in dict.fromkeys(titles))
        modules = f"for m in {trained.whole}.modules() if isinstance(m, {kinds})"
        lines.append(f"{owned} = {{{one} {modules} for {one} in m.parameters()}}")
        terms.append(f"{one} in {owned}")
    for selector in share.selectors:
        if isinstance(selector, s.Literal):
            terms += _pattern_tests(str(selector.value), trained.names)
        elif not classes_of(selector.id):
            terms.append(f"name.startswith({write_literal(f'{selector.id}.')})")
    return lines, list(dict.fromkeys(terms))


def _pattern_tests(pattern: str, names: Collection[str] | None) -> list[str]:
    """The tests for the names that a pattern means, or what stands in something of such a name.

    A test is left out where no name passes it, or none that does not pass the other one.
    """
    inner = f"{pattern}.*"
    wanted = [pattern, inner]
    if pattern.endswith("*"):  # it goes on past the dots of names
        wanted = [pattern]
    elif names is not None:
        exact = any(fnmatchcase(name, pattern) for name in names)
        within = any(fnmatchcase(n, inner) and not fnmatchcase(n, pattern) for n in names)
        wanted = [text for text, on in ((pattern, exact), (inner, within)) if on] or [pattern]
    return [name_test(text) or 'fnmatch(name, "*")' for text in wanted]


def _stem(classes: Sequence[str]) -> str:
    """What the parameters of some classes are called."""
    if all("Norm" in title for title in classes):
        return "norms"
    return f"{layer_stem(classes[0])}s" if len(classes) == 1 else "layers"


def list_name(selectors: Sequence[Selector], taken: Collection[str], own: Collection[str]) -> str:
    """The variable for parameters of a group, after the layers or classes that it selects.

    No pattern becomes a name: it may hold anything. `own`: the variables of the groups before it.
    """
    words = [
        layer_stem(x.id) if classes_of(x.id) else x.id for x in selectors if isinstance(x, s.Name)
    ]
    stem = "_".join(words[:2])
    if not stem:
        return free_name("group", lambda name: name in own)
    known = stem in taken or hasattr(builtins, stem) or script_problem(stem) is not None
    return free_name(f"{stem}_params" if known else stem, lambda n: n in taken or n in own)
