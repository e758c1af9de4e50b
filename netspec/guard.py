"""Hold generated source against a list of what generated modules contain, before it is run."""

import ast
from collections.abc import Collection

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
            case ast.Name(id, ast.Store()):
                bound.add(id)
    return bound
