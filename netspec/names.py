"""Which names a spec may give to what becomes a Python name; what unlabelled layers are called."""

import re
import unicodedata
from collections.abc import Callable, Iterable
from itertools import count
from keyword import iskeyword

_MODULE_ATTRIBUTES = """
add_module apply bfloat16 buffers call_super_init children compile cpu cuda double dump_patches
eval extra_repr float forward get_buffer get_extra_state get_parameter get_submodule half ipu
load_state_dict modules mtia named_buffers named_children named_modules named_parameters
parameters register_backward_hook register_buffer register_forward_hook
register_forward_pre_hook register_full_backward_hook register_full_backward_pre_hook
register_load_state_dict_post_hook register_load_state_dict_pre_hook register_module
register_parameter register_state_dict_post_hook register_state_dict_pre_hook requires_grad_
set_extra_state set_submodule share_memory state_dict T_destination to to_empty train training
type xpu zero_grad
"""
_CODE_NAMES = """
abs bool deepcopy dict enumerate F float fnmatch getattr int is_parametrized isinstance len list max
min module next nn OrderedDict orthogonal range reversed round self Sequence spectral_norm str sum
super Tensor torch tuple ValueError weight_norm zip
"""
# What every nn.Module has already; a test holds the list against torch.
MODULE_ATTRIBUTES = frozenset(_MODULE_ATTRIBUTES.split())
# What generated classes have besides, where they need it.
METHODS = frozenset(("init_named_weights", "init_weights", "parametrize_weights"))
# Names that the generated code uses for its own purposes.
CODE_NAMES = frozenset(_CODE_NAMES.split())


def label_problem(name: str) -> tuple[str, str] | None:
    """Why `name` cannot be an attribute of a module, with the code of the error; None if it can."""
    problem = _identifier_problem(name)
    if problem:
        return problem
    if name in MODULE_ATTRIBUTES:
        return "reserved-name", f"`{name}` is an attribute that every `nn.Module` has"
    if name in METHODS:
        return "reserved-name", f"`{name}` is a method of generated classes"
    if name.startswith("_"):
        return "reserved-name", f"`{name}` begins with `_`, as what `nn.Module` keeps to itself"
    return None


def variable_problem(name: str) -> tuple[str, str] | None:
    """Why `name` cannot be a variable of the generated code; None if it can."""
    problem = _identifier_problem(name)
    if problem:
        return problem
    if name in CODE_NAMES or name.startswith("__"):
        return "reserved-name", f"`{name}` has a meaning of its own in the generated code"
    return None


def class_problem(name: str) -> tuple[str, str] | None:
    """Why `name` cannot be a class of the generated code; None if it can."""
    if name == "Sequence":  # annotations of later classes mean that of collections.abc
        return "reserved-name", f"`{name}` has a meaning of its own in the generated code"
    return variable_problem(name)


def argument_problem(name: str) -> tuple[str, str] | None:
    """Why `name` cannot be a parameter of what is written in Python; None if it can."""
    if name == "self":
        return "reserved-name", "`self` is the module itself"
    return _identifier_problem(name)


def module_problem(path: str) -> tuple[str, str] | None:
    """Why generated code cannot import from the module `path`; None if it can."""
    parts = path.split(".")
    for part in parts:
        problem = _identifier_problem(part)
        if problem and problem[0] == "keyword":
            return problem
        if problem or part.startswith("__"):
            return "wrong-module", f'"{path}" is no module that Python could import'
    if parts[0] in ("model", "netspec") or parts[0] == "train" or parts[0].startswith("train_"):
        return "reserved-name", f"`{parts[0]}` is in use where the generated code is run"
    return None


def _identifier_problem(name: str) -> tuple[str, str] | None:
    if iskeyword(name):
        return "keyword", f"`{name}` is a keyword of Python"
    if not name.isascii() and unicodedata.normalize("NFKC", name) != name:
        return "reserved-name", f"Python would read `{name}` as another name"
    if not name.isidentifier():
        return "reserved-name", f"`{name}` is no name in Python"
    return None


def free_name(name: str, taken: Callable[[str], bool]) -> str:
    """`name`, with the smallest number from 2 behind it that makes it free."""
    return numbered_name(name, taken, count(2)) if taken(name) else name


def free_variable(name: str, taken: Callable[[str], bool]) -> str:
    """`free_name` for a variable of the generated code, whatever a spec calls it."""
    stem = unicodedata.normalize("NFKC", name)
    if stem.startswith("__") or not stem.isidentifier():
        stem = "size"
    return free_name(stem, lambda n: taken(n) or variable_problem(n) is not None)


def numbered_name(name: str, taken: Callable[[str], bool], numbers: Iterable[int]) -> str:
    """`name` with the first of the numbers behind it that makes it free."""
    return next(f"{name}{number}" for number in numbers if not taken(f"{name}{number}"))


def layer_stem(class_name: str) -> str:
    """What an unlabelled layer is called after: `MaxPool2d` gives `max_pool`."""
    stem = re.sub(r"\dd$", "", class_name)
    for word in ("PReLU", "ReLU", "SiLU"):
        stem = stem.replace(word, word.capitalize())
    stem = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", stem).lower()
    return stem if not iskeyword(stem) else f"{stem}_"


def listing(names: Iterable[str], most: int = 6) -> str:
    """`a`, `b` and `c`, cut after `most`."""
    quoted = [f"`{name}`" for name in names]
    if len(quoted) > most:
        return f"{', '.join(quoted[:most])}, …"
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"


def single(container: str) -> str:
    """What one of a container is called."""
    word = container.rstrip("_0123456789")
    if len(word) < 2:
        return "block"
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word
