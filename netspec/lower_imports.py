"""Find what the classes of a program import, and write it as ruff sorts it."""

import re
import sys
from collections.abc import Iterable

from netspec.catalogue import PARAMETRIZATIONS
from netspec.layout import bracketed
from netspec.pool import ClassPool
from netspec.program import Class, Line


def write_imports(pool: ClassPool) -> tuple[tuple[str, ...], ...]:
    """Import lines in their groups: those of the standard library before all others."""
    code = [
        line.text
        for c in pool.classes
        for lines in (c.constructor, c.initialisation, c.ending, c.forward, *_bodies(c))
        for line in lines
    ]
    annotations = [a.annotation for c in pool.classes for a in (*c.arguments, *c.inputs)]
    taken: dict[str, list[str]] = {"torch": ["Tensor", "nn"]}  # by module: `Name`, `Name as Other`
    for module, name, used in (
        ("collections", "OrderedDict", _uses(code, "OrderedDict(")),
        ("collections.abc", "Sequence", _uses(annotations, "Sequence[")),
        ("copy", "deepcopy", _uses(code, "deepcopy(")),
        ("fnmatch", "fnmatch", _uses(code, "fnmatch(")),
        ("torch.nn.utils.parametrize", "is_parametrized", _uses(code, "is_parametrized(")),
        *(
            ("torch.nn.utils.parametrizations", name, _uses(code, f"{name}("))
            for name in PARAMETRIZATIONS
        ),
    ):
        if used:
            taken.setdefault(module, []).append(name)
    for item in pool.imports():
        names = taken.setdefault(item.module, [])
        names += [] if str(item) in names else [str(item)]
    standard = [m for m in taken if m.partition(".")[0] in sys.stdlib_module_names]
    third = ["import torch"] if _uses(code, "torch.") else []
    third += ["import torch.nn.functional as F"] if _uses(code, "F.") else []
    third += import_lines(taken, set(taken) - set(standard))
    return tuple(tuple(group) for group in (import_lines(taken, standard), third) if group)


def _bodies(written: Class) -> list[tuple[Line, ...]]:
    return [method.lines for method in written.methods]


def import_lines(taken: dict[str, list[str]], modules: Iterable[str]) -> list[str]:
    """`from module import A, B`; what gets another name has a line of its own."""
    lines: list[str] = []
    for module in sorted(modules, key=_natural):
        names = sorted(taken[module], key=lambda name: (_kind(name), _natural(name)))
        plain = [name for name in names if " as " not in name]
        for group in ([plain] if plain else []) + [[name] for name in names if name not in plain]:
            lines += _line(module, group)
    return lines


def _line(module: str, names: list[str]) -> list[str]:
    one = bracketed(f"from {module} import ", names, "", 0)
    if len(one) == 1:
        return one
    return [f"from {module} import (", *(f"    {name}," for name in names), ")"]


def _kind(name: str) -> int:
    """Constants stand before classes, classes before all others."""
    name = name.partition(" ")[0]
    return 0 if len(name) > 1 and name.isupper() else 1 if name[:1].isupper() else 2


def _natural(name: str) -> list[tuple[bool, int, str]]:
    """The order of names, with numbers in them as numbers: `layers2` before `layers10`."""
    parts = re.findall(r"\d+|\D+", name.lower())
    return [(not p.isdecimal(), int(p) if p.isdecimal() else 0, p) for p in parts]


def _uses(texts: list[str], prefix: str) -> bool:
    pattern = re.compile(rf"(?<![\w.]){re.escape(prefix)}")
    return any(pattern.search(text) for text in texts)
