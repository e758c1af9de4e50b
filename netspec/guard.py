"""Hold generated source against a list of what generated files contain, before it is run."""

import ast
import sys
from collections.abc import Collection, Iterable

from netspec.catalogue import index

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
    *((name, None) for name in ("math", "os", "sys", "torch", "torch.distributed")),
    *((name, None) for name in ("torch.nn.functional", "tyro", "wandb")),
    *(("collections.abc", name) for name in ("Iterator", "Sequence")),
    *(("dataclasses", name) for name in ("asdict", "dataclass")),
    *(("fnmatch", "fnmatch"), ("itertools", "islice"), ("pathlib", "Path"), ("typing", "Any")),
    *(("torch", "Tensor"), ("torch", "nn"), ("torch.nn.parallel", "DistributedDataParallel")),
    *(
        ("torch.optim.swa_utils", name)
        for name in ("AveragedModel", "get_ema_multi_avg_fn", "update_bn")
    ),
    *(
        ("torch.utils.data", name)
        for name in ("BatchSampler", "DataLoader", "Dataset", "DistributedSampler")
    ),
    *(("torch.utils.data", name) for name in ("Subset", "TensorDataset")),
    *(("torch.optim.lr_scheduler", name) for name in ("LinearLR", "SequentialLR")),
    ("safetensors", "SafetensorError"),
    *(("safetensors.torch", name) for name in ("load_file", "save_model")),
    *(("torch.utils.tensorboard", "SummaryWriter"), ("tqdm", "tqdm")),
    *(("warnings", "catch_warnings"), ("warnings", "filterwarnings")),
    *(("torch.distributed.checkpoint", f"state_dict_{act}") for act in ("loader", "saver")),
    ("torch.distributed.checkpoint.api", "CheckpointException"),
    *(
        ("torch.distributed.checkpoint.hf_storage", f"HuggingFaceStorage{part}")
        for part in ("Reader", "Writer")
    ),
    *(
        ("torch.distributed.checkpoint.state_dict", name)
        for name in ("StateDictOptions", "get_model_state_dict", "get_optimizer_state_dict")
    ),
    ("torch.distributed.device_mesh", "init_device_mesh"),
    ("torch.distributed.fsdp", "fully_shard"),
}
_SCRIPT_BUILTINS = _BUILTINS | {
    *("AssertionError", "Exception", "KeyboardInterrupt", "OSError", "RuntimeError", "SystemExit"),
    "UnicodeDecodeError",
    *("all", "any", "getattr", "map", "object", "open", "print", "set", "sorted", "type", "vars"),
    *("__name__", "bytearray", "iter"),
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
    ast.Set,
    ast.Try,
    ast.Yield,
)
# What a script defines and reads of names with two underscores.
_DUNDER = {"__getitem__", "__init__", "__len__", "__name__", "__post_init__"}
# What a script calls modules, where it gives them other names.
_ALIASES = {("numpy", "np"), ("torch.distributed", "dist"), ("torch.nn.functional", "F")}
# What a script takes of modules that can do anything, by the names that it has for them.
_TAKEN = {
    "os": {"environ", "getenv", "path"},
    "os.path": {"getmtime"},
    "os.environ": {"get", "setdefault"},
    "state_dict_loader": {"load"},
    "state_dict_saver": {"save"},
    "sys": {"stderr"},
    "torch.utils": {"data"},
    "tyro": {"cli"},
}
# What no script takes of anything: modules inside of others, and what runs code. Some functions of
# torch, and `Path.glob`, are called as modules of Python.
_LEFT = {
    *(sys.stdlib_module_names - index.FUNCTIONS.keys() - {"array", "copy", "glob"}),
    *("classes", "hub", "ops", "package", "serialization", "torch"),
    *("cpp_extension", "ctypeslib", "f2py", "jit", "load_library"),
}
_OWN = {"cfg", "self"}  # whose attributes it takes by their names
_CALLED_ONLY = {"getattr", "open", "type", "vars"}


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
    imports = list(imports)
    allowed = _SCRIPT_IMPORTS | {("model", name) for name in nets}
    for line in imports:
        allowed |= {item for node in ast.walk(ast.parse(line)) for item in _imported(node)}
    free = _SCRIPT_BUILTINS | _bound_names(tree)
    modules = _modules(tree)
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
            case ast.Import(names):
                for alias in names:
                    if alias.asname and (alias.name, alias.asname) not in _ALIASES:
                        raise Refused(f"{place}: {alias.name} by another name")
            case ast.ImportFrom(module, names) if renamed := _renamed(names, nets, imports):
                raise Refused(f"{place}: {renamed} of {module} by another name")
            case ast.Name(name) if name not in free:
                raise Refused(f"{place}: the name {name}")
            case ast.Name(name, ast.Store()) if name in _SCRIPT_BUILTINS | modules:
                raise Refused(f"{place}: another meaning of {name}")
            case ast.Name(name) if name in modules and id(node) not in owners:
                raise Refused(f"{place}: {name} by another name")
            case ast.Name(name) if name in _CALLED_ONLY and id(node) not in called:
                raise Refused(f"{place}: {name} by another name")
            case ast.FunctionDef(name) | ast.ClassDef(name):
                if name.startswith("__") and name not in _DUNDER:
                    raise Refused(f"{place}: the definition of {name}")
            case ast.Attribute(owner, attr):
                _check_attribute(owner, attr, id(node) in called, place)
            case ast.Call(function, arguments, keywords):
                _check_call(ast.unparse(function), arguments, keywords, place)
    return tree


def _modules(tree: ast.Module) -> set[str]:
    """What a script calls the modules that it imports."""
    return {
        (alias.asname or alias.name).split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }


def _renamed(names: list[ast.alias], nets: Collection[str], imports: Iterable[str]) -> str:
    """What an import gives another name that none of the lists gives it: "" where it is nothing.

    A net may get the one that its class has in the script.
    """
    known = {
        (alias.name, alias.asname)
        for line in imports
        for node in ast.walk(ast.parse(line))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    } | {(name, f"{name}Net") for name in nets}
    renamed = (a.name for a in names if a.asname and (a.name, a.asname) not in known)
    return next(renamed, "")


def _check_attribute(owner: ast.expr, attr: str, called: bool, place: str) -> None:
    """Refuse what leads out of what a script may reach, whatever it is an attribute of."""
    whose = ast.unparse(owner)
    if attr.startswith("_") and attr not in _DUNDER:
        raise Refused(f"{place}: the attribute {attr}")
    if attr in _LEFT or attr not in _TAKEN.get(whose, {attr}):
        raise Refused(f"{place}: {whose}.{attr}")
    if (whose, attr) == ("torch", "load") and not called:
        raise Refused(f"{place}: torch.load by another name")


def _check_call(
    function: str, arguments: list[ast.expr], keywords: list[ast.keyword], place: str
) -> None:
    """Refuse calls that are harmless with some arguments only."""
    given = [keyword.arg for keyword in keywords]
    first = ast.unparse(arguments[0]) if arguments else ""
    match function:
        case "torch.load":
            weights = [k for k in keywords if k.arg == "weights_only"]
            if len(weights) != 1 or not _is_true(weights[0], "weights_only") or None in given:
                raise Refused(f"{place}: torch.load of more than weights")
        case "open":
            reads = len(arguments) == 1 and not isinstance(arguments[0], ast.Starred)
            if not reads or "mode" in given or "opener" in given or None in given:
                raise Refused(f"{place}: open to write")
        case "getattr" | "vars" if first not in _OWN:
            raise Refused(f"{place}: {function} of {first}")
        case "type" if len(arguments) != 1 or keywords:
            raise Refused(f"{place}: type makes a class")
    if "allow_pickle" in given and function.partition(".")[0] == "np":
        raise Refused(f"{place}: {function} of more than numbers")


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
