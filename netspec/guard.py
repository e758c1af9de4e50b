"""Hold generated source against a list of what generated files contain, before it is run."""

import ast
from collections.abc import Collection, Iterable

_IMPORTS = {
    ("collections", "OrderedDict"),
    ("collections.abc", "Sequence"),
    ("copy", "deepcopy"),
    ("fnmatch", "fnmatch"),
    ("torch", "Tensor"),
    ("torch", "nn"),
    ("torch", None),
    ("torch.nn.functional", None),
    ("torch.nn.utils.parametrizations", "orthogonal"),
    ("torch.nn.utils.parametrizations", "spectral_norm"),
    ("torch.nn.utils.parametrizations", "weight_norm"),
    ("torch.nn.utils.parametrize", "is_parametrized"),
}
_BUILTINS = {
    "ValueError",
    "abs",
    "dict",
    "enumerate",
    "bool",
    "float",
    "int",
    "isinstance",
    "len",
    "max",
    "min",
    "next",
    "range",
    "reversed",
    "round",
    "str",
    "sum",
    "super",
    "tuple",
    "list",
    "zip",
}
_NODES = (
    ast.Module,
    ast.ClassDef,
    ast.FunctionDef,
    ast.arguments,
    ast.arg,
    ast.Import,
    ast.ImportFrom,
    ast.alias,
    ast.Assign,
    ast.AnnAssign,
    ast.Expr,
    ast.Return,
    ast.For,
    ast.Raise,
    ast.With,
    ast.withitem,
    ast.Pass,
    ast.Continue,
    ast.Dict,
    ast.Slice,
    ast.Starred,
    ast.GeneratorExp,
    ast.SetComp,
    ast.comprehension,
    ast.If,
    ast.Call,
    ast.keyword,
    ast.Attribute,
    ast.Name,
    ast.Constant,
    ast.Tuple,
    ast.List,
    ast.Subscript,
    ast.BinOp,
    ast.UnaryOp,
    ast.BoolOp,
    ast.Compare,
    ast.IfExp,
    ast.operator,
    ast.unaryop,
    ast.boolop,
    ast.cmpop,
    ast.expr_context,
)

_SCRIPT_IMPORTS = {
    *((name, None) for name in ("argparse", "math", "os", "sys", "torch", "torch.distributed")),
    ("torch.nn.functional", None),
    ("wandb", None),
    *(("collections.abc", name) for name in ("Iterator", "Sequence")),
    *(("dataclasses", name) for name in ("asdict", "dataclass", "fields")),
    *(("fnmatch", "fnmatch"), ("itertools", "islice"), ("pathlib", "Path"), ("typing", "Any")),
    *(("torch", "Tensor"), ("torch", "nn"), ("torch.nn.parallel", "DistributedDataParallel")),
    *(
        ("torch.optim.swa_utils", name)
        for name in ("AveragedModel", "get_ema_multi_avg_fn", "update_bn")
    ),
    *(
        ("torch.utils.data", name)
        for name in ("BatchSampler", "DataLoader", "Dataset", "DistributedSampler", "TensorDataset")
    ),
    *(("torch.optim.lr_scheduler", name) for name in ("LinearLR", "SequentialLR")),
    *(("safetensors.torch", name) for name in ("load_file", "save_model")),
    *(("torch.utils.tensorboard", "SummaryWriter"), ("tqdm", "tqdm")),
}
_SCRIPT_BUILTINS = _BUILTINS | {
    *("AssertionError", "Exception", "KeyboardInterrupt", "OSError", "RuntimeError", "SystemExit"),
    *(
        "all",
        "any",
        "getattr",
        "isinstance",
        "map",
        "object",
        "open",
        "print",
        "set",
        "sorted",
        "type",
        "vars",
    ),
    *("__name__", "iter"),
}
_SCRIPT_NODES = (
    *_NODES,
    ast.AugAssign,
    ast.Break,
    ast.Delete,
    ast.DictComp,
    ast.ExceptHandler,
    ast.FormattedValue,
    ast.JoinedStr,
    ast.Lambda,
    ast.ListComp,
    ast.NamedExpr,
    ast.Nonlocal,
    ast.Try,
    ast.Yield,
)
# What a script takes of modules that can do anything, and what no script takes of torch.
_DUNDER = {"__init__", "__len__", "__name__"}
_TAKEN = {"os": {"environ", "getenv"}, "sys": {"stderr"}}
_LEFT = {"classes", "hub", "jit", "ops", "package", "serialization"}


class Refused(Exception):
    """Generated source with something that none should hold: a bug of ours, never a user's."""


def verify(source: str, externs: Collection[tuple[str, str]] = ()) -> ast.Module:
    """Parse generated source and check each node, import and free name of it.

    `externs`: modules and the classes that may be imported from them, too.

    Raises:
        Refused: for anything that is not on the list.
    """
    tree = ast.parse(source)
    bound = _bound_names(tree)
    for node in ast.walk(tree):
        if not isinstance(node, _NODES):
            raise Refused(f"line {getattr(node, 'lineno', 0)}: {type(node).__name__}")
        match node:
            case ast.Import(names):
                _check_imports([(alias.name, None) for alias in names])
            case ast.ImportFrom(module, names):
                taken = [(module or "", alias.name) for alias in names]
                _check_imports([item for item in taken if item not in externs])
            case ast.Name(id) if id not in bound and id not in _BUILTINS:
                raise Refused(f"line {node.lineno}: the name {id}")
            case ast.Attribute(_, attr) if attr.startswith("__") and attr != "__init__":
                raise Refused(f"line {node.lineno}: the attribute {attr}")
    return tree


def verify_script(source: str, imports: Iterable[str], nets: Collection[str]) -> ast.Module:
    """Parse a generated script and check each node, import, free name and dangerous call of it.

    Args:
        source: the text of the script.
        imports: import lines that it may have as well: those of the catalogue's entries.
        nets: the classes that it may import from `model`.

    Raises:
        Refused: for anything that is not on the lists.
    """
    tree = ast.parse(source)
    allowed = _SCRIPT_IMPORTS | {("model", name) for name in nets}
    for line in imports:
        allowed |= {item for node in ast.walk(ast.parse(line)) for item in _imported(node)}
    free = _SCRIPT_BUILTINS | _bound_names(tree)
    owners = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        place = f"line {getattr(node, 'lineno', 0)}"
        if not isinstance(node, _SCRIPT_NODES):
            raise Refused(f"{place}: {type(node).__name__}")
        for item in _imported(node):
            if item not in allowed:
                raise Refused(f"the import of {item}")
        match node:
            case ast.Name(name) if name not in free:
                raise Refused(f"{place}: the name {name}")
            case ast.Name("os" | "sys" | "torch" as name) if id(node) not in owners:
                raise Refused(f"{place}: {name} by another name")
            case ast.Attribute(_, attr) if attr.startswith("__") and attr not in _DUNDER:
                raise Refused(f"{place}: the attribute {attr}")
            case ast.Attribute(ast.Name("os" | "sys" as name), attr) if attr not in _TAKEN[name]:
                raise Refused(f"{place}: {name}.{attr}")
            case ast.Attribute(ast.Name("torch"), attr) if attr in _LEFT:
                raise Refused(f"{place}: torch.{attr}")
            case ast.Attribute(ast.Name("torch"), "load") if id(node) not in called:
                raise Refused(f"{place}: torch.load by another name")
            case ast.Call(ast.Attribute(ast.Name("torch"), "load"), _, keywords):
                if not any(_is_true(keyword, "weights_only") for keyword in keywords):
                    raise Refused(f"{place}: torch.load of more than weights")
            case ast.Call(ast.Name("open"), arguments, keywords):
                if len(arguments) > 1 or any(keyword.arg == "mode" for keyword in keywords):
                    raise Refused(f"{place}: {ast.unparse(node)}")
            case ast.Call(ast.Name("getattr"), arguments):
                if not (arguments and ast.unparse(arguments[0]) in ("cfg", "self")):
                    raise Refused(f"{place}: {ast.unparse(node)}")
    return tree


def _imported(node: ast.AST) -> list[tuple[str, str | None]]:
    """What an import takes: modules, and names of modules."""
    match node:
        case ast.Import(names):
            return [(alias.name, None) for alias in names]
        case ast.ImportFrom(module, names):
            return [(module or "", alias.name) for alias in names]
    return []


def _is_true(keyword: ast.keyword, name: str) -> bool:
    value = keyword.value
    return keyword.arg == name and isinstance(value, ast.Constant) and value.value is True


def _check_imports(found: list[tuple[str, str | None]]) -> None:
    for item in found:
        if item not in _IMPORTS:
            raise Refused(f"the import of {item}")


def _bound_names(tree: ast.Module) -> set[str]:
    bound: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.alias(name, asname):
                bound.add(asname or name.split(".")[0])
            case ast.ClassDef(name) | ast.FunctionDef(name):
                bound.add(name)
            case ast.arg(arg):
                bound.add(arg)
            case ast.Name(id, ast.Store()) | ast.ExceptHandler(name=str() as id):
                bound.add(id)
    return bound
