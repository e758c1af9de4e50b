"""Break a statement of generated code that is too wide where ruff's formatter would break it."""

import ast
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from netspec.document import (
    Break,
    Document,
    Either,
    Group,
    IfBroken,
    Indent,
    columns,
    print_document,
)
from netspec.layout import WIDTH

_Linked = ast.Attribute | ast.Call | ast.Subscript
_Comprehension = ast.ListComp | ast.GeneratorExp | ast.SetComp | ast.DictComp
_Infix = ast.BinOp | ast.BoolOp | ast.Compare

# Operators, from those that bind most tightly to those that break first.
_LEVELS: tuple[tuple[type[ast.AST], ...], ...] = (
    (ast.Pow,),
    (ast.Mult, ast.MatMult, ast.Div, ast.FloorDiv, ast.Mod),
    (ast.Add, ast.Sub),
    (ast.LShift, ast.RShift),
    (ast.BitAnd,),
    (ast.BitXor,),
    (ast.BitOr,),
    (ast.Compare,),
    (ast.BoolOp,),
)
_RANKS = {kind: rank for rank, kinds in enumerate(_LEVELS) for kind in kinds}
# Brackets, and the strings that may hold some.
_MARKS = re.compile(rb'"(?:[^"\\]|\\.)*"' rb"|'(?:[^'\\]|\\.)*'|[()\[\]{}]")


def wrap(statement: str, indent: int) -> list[str]:
    """A statement of one line, or a header like `elif test:`, in lines of at most 88 columns.

    The lines come without the first `indent` levels, which count as columns. A name or a string
    that is wider than a line stays whole.
    """
    width = WIDTH - 4 * indent
    if columns(statement) <= width:
        return [statement]
    start = "el" if statement.startswith("elif ") else ""
    return print_document([start, _Reader(statement.removeprefix(start)).statement()], width)


class _Operator(NamedTuple):
    """An infix operator with the spaces around it."""

    text: str
    rank: int


class _Reader:
    """Makes the document of a statement.

    An expression that is `inside` of brackets may end a line at its operators and methods too.
    """

    def __init__(self, statement: str) -> None:
        self.source = statement.encode()  # the columns of the tree count bytes
        self.tree = ast.parse(f"{statement} pass" if statement[-1] == ":" else statement).body[0]
        calls = {n.end_col_offset for n in ast.walk(self.tree) if isinstance(n, ast.Call)}
        self.enclosed: set[tuple[int, int | None]] = set()  # what stands in brackets of its own
        opened: list[int] = []
        for mark in _MARKS.finditer(self.source):
            if mark[0] in b"([{":
                opened.append(mark.end())
            elif mark[0] in b")]}":
                start = opened.pop()
                if mark[0] == b")" and mark.end() not in calls:
                    self.enclosed.add((start, mark.start()))

    def statement(self) -> Document:
        match self.tree:
            case ast.Assign([target], value):
                return self._assignment(target, value)
            case ast.AnnAssign(target, annotation, ast.expr() as value):
                head = f"{self._text(target)}: {self._text(annotation)} = "
                return [head, self._value(value)]
            case ast.Return(ast.Tuple([_, _] as items) as pair) if not self._is_literal(pair):
                return ["return ", self._sequence(items)]
            case ast.Return(ast.expr() as value):
                return ["return ", self._value(value)]
            case ast.Raise(ast.expr() as value):
                return ["raise ", self._value(value)]
            case ast.If(test):
                return ["if ", self._value(test), ":"]
            case ast.For(ast.Tuple([_, _, *_] as items), iterable):
                return ["for ", self._sequence(items), " in ", self._value(iterable), ":"]
            case ast.For(target, iterable):
                return ["for ", self._target(target), " in ", self._value(iterable), ":"]
            case ast.AugAssign(target, _, value):
                start = self._text(target)
                sign = self.source[target.end_col_offset : self._span(value)[0]].decode()
                return [start, sign, self._value(value)]
            case ast.With([ast.withitem(ast.Call() as call, None)]):
                return ["with ", self._open(call, False), ":"]
            case ast.Expr(ast.Call() as call):
                return self._open(call, False)
        return self.source.decode()

    def _assignment(self, target: ast.expr, value: ast.expr) -> Document:
        left = self._target(target)
        if isinstance(value, ast.Name | ast.Constant | _Linked) and not self._has_breaks(value):
            bare = self._open(value, False)
            whole = [f"{self._text(target)} = ", bare]
            moved = [f"{self._text(target)} = ", self._moved(value)]
            return Either(whole, Either(moved, [left, " = ", bare]))
        return [left, " = ", self._value(value)]

    def _sequence(self, nodes: Sequence[ast.expr]) -> Document:
        """Items without brackets: in brackets where those that they have do not break it."""
        bare: list[Document] = []
        for node in nodes:
            bare += [", ", self._document(node, False)] if bare else [self._document(node, False)]
        return Either(bare, _optional_brackets(self._items(nodes)))

    def _target(self, node: ast.expr) -> Document:
        if isinstance(node, ast.Tuple) and len(node.elts) > 1 and not self._is_literal(node):
            return _optional_brackets(self._items(node.elts))
        return self._open(node, False)

    def _value(self, node: ast.expr) -> Document:
        """What a statement assigns, returns or tests: in brackets where no others break it."""
        if isinstance(node, ast.Tuple):
            return self._target(node)
        core = self._core(node)
        bare = self._open(node, False)
        if not self._has_breaks(core):
            return Either(bare, Either(self._moved(node), bare))
        enclosed = _optional_brackets(self._open(node, True))
        if isinstance(core, _Infix) and self._breaks_at_brackets(core, core is node):
            return Either(bare, enclosed)
        return enclosed

    def _moved(self, node: ast.expr) -> Document:
        """An expression in brackets that do not wait for what is around them to be broken."""
        return _optional_brackets(self._open(node, True), free=True)

    def _core(self, node: ast.expr) -> ast.expr:
        """An expression without the signs before it."""
        while isinstance(node, ast.UnaryOp) and not self._is_enclosed(node.operand):
            node = node.operand
        return node

    def _has_breaks(self, node: ast.expr) -> bool:
        """Whether lines may end between its parts, and not only inside of brackets that it has."""
        if isinstance(node, _Infix | ast.IfExp):
            return True
        return len(self._points(*self._links(node))) > 1

    def _breaks_at_brackets(self, node: ast.expr, starts: bool) -> bool:
        """Whether one operator has brackets on a side that faces outwards, which break instead."""
        parts = self._flat(node)
        ranks = [part.rank for part in parts if isinstance(part, _Operator)]
        first, last = parts[0], parts[-1]
        assert isinstance(first, ast.expr)
        assert isinstance(last, ast.expr)
        while isinstance(last, ast.UnaryOp) and not self._is_enclosed(last):
            last = last.operand
        first = first if self._is_enclosed(first) else self._links(first)[0]
        return ranks.count(max(ranks)) == 1 and (
            self._has_brackets(last) or (starts and self._has_brackets(first))
        )

    def _has_brackets(self, node: ast.expr) -> bool:
        match node:
            case ast.Call(_, arguments, keywords):
                return bool(arguments or keywords) or self._is_enclosed(node)
            case ast.List(items) | ast.Tuple(items):
                return bool(items)
            case ast.Dict(_, items):
                return bool(items)
            case ast.ListComp() | ast.GeneratorExp() | ast.SetComp() | ast.DictComp():
                return True
        return self._is_enclosed(node)

    # ---- expressions -------------------------------------------------------------------------

    def _document(self, node: ast.expr, inside: bool) -> Document:
        if self._is_enclosed(node):
            return _brackets("(", self._open(node, True), ")", inside)
        return self._open(node, inside)

    def _open(self, node: ast.expr, inside: bool) -> Document:
        """An expression without the brackets around it."""
        match node:
            case ast.Attribute() | ast.Call() | ast.Subscript():
                return self._chain(node, inside)
            case ast.BinOp() | ast.BoolOp() | ast.Compare():
                return self._infix(self._flat(node), inside)
            case ast.IfExp():
                parts = self._conditional(node, inside)
                return Group(parts) if inside else parts
            case ast.UnaryOp(_, inner) | ast.Starred(inner):
                return self._around([inner], node, inside)
            case ast.Slice(lower, upper, step):
                return self._around([n for n in (lower, upper, step) if n], node, inside)
            case ast.Tuple([item]) if self._is_literal(node):
                return _brackets("(", [self._document(item, True), ","], ")", inside)
            case ast.List([_, *_] as items) | ast.Tuple([_, *_] as items) if self._is_literal(node):
                text = self._text(node)
                return _brackets(text[0], self._items(items), text[-1], inside)
            case ast.Dict([_, *_]):
                return _brackets("{", self._entries(node), "}", inside)
            case ast.ListComp() | ast.GeneratorExp() | ast.SetComp() | ast.DictComp():
                text = self._text(node)
                return _brackets(text[0], self._comprehension(node), text[-1], inside)
            case ast.Lambda(_, body):
                head = self.source[node.col_offset : self._span(body)[0]].decode()
                result = self._document(body, True)
                breaks = self._has_breaks(self._core(body))
                return [head, _optional_brackets(result) if breaks else result]
        return self._text(node)

    def _chain(self, node: ast.expr, inside: bool) -> Document:
        """Attributes, calls and subscripts, a line for each method where there are several."""
        root, links = self._links(node)
        points = self._points(root, links)
        fluent = inside and len(points) > 1
        parts: list[Document] = [self._document(root, inside)]
        for link in links:
            match link:
                case ast.Attribute(_, name):
                    parts += [Break(""), f".{name}"] if fluent and link in points else [f".{name}"]
                case ast.Call():
                    parts.append(self._arguments(link, inside))
                case ast.Subscript(_, index):
                    parts.append(_brackets("[", self._index(index), "]", inside))
        return Group(parts) if fluent else parts

    def _arguments(self, call: ast.Call, inside: bool) -> Document:
        nodes: list[ast.expr | ast.keyword] = [*call.args, *call.keywords]
        match nodes:
            case []:
                return "()"
            case [ast.GeneratorExp() as only]:
                return _brackets("(", self._comprehension(only), ")", inside)
        nodes.sort(key=lambda node: node.col_offset)
        return _brackets("(", Group(self._items(nodes)), ")", inside)

    def _index(self, node: ast.expr) -> Document:
        if isinstance(node, ast.Tuple) and len(node.elts) > 1 and not self._is_literal(node):
            return Group(self._items(node.elts))
        return self._document(node, True)

    def _items(self, nodes: Sequence[ast.expr | ast.keyword]) -> list[Document]:
        parts: list[Document] = []
        for node in nodes:
            if isinstance(node, ast.keyword):
                name = f"{node.arg}=" if node.arg else "**"
                parts += [name, self._document(node.value, True), ",", Break()]
            else:
                parts += [self._document(node, True), ",", Break()]
        return [*parts[:-2], IfBroken(",")] if len(nodes) > 1 else parts[:-2]

    def _entries(self, node: ast.Dict) -> list[Document]:
        parts: list[Document] = []
        for key, value in zip(node.keys, node.values, strict=True):
            parts += [self._entry(key, value), ",", Break()]
        return [*parts[:-2], IfBroken(",")]

    def _entry(self, key: ast.expr | None, value: ast.expr) -> Document:
        """`key: value`, or `**value`."""
        if key is None:
            return ["**", self._document(value, True)]
        return [self._document(key, True), ": ", self._document(value, True)]

    def _infix(self, parts: Sequence[ast.expr | _Operator], inside: bool) -> Document:
        """Operands and operators, a line before each of the loosest of them."""
        if isinstance(parts[0], ast.expr) and len(parts) == 1:
            return self._document(parts[0], inside)
        loosest = max(part.rank for part in parts if isinstance(part, _Operator))
        documents: list[Document] = []
        start = 0
        for index, part in enumerate(parts):
            if isinstance(part, _Operator) and part.rank == loosest:
                documents.append(self._infix(parts[start:index], inside))
                documents += self._sign(part.text) if inside else [part.text]
                start = index + 1
        documents.append(self._infix(parts[start:], inside))
        return Group(documents) if inside else documents

    def _sign(self, text: str) -> list[Document]:
        """An operator that a line may start with; one without spaces then has one behind it."""
        sign = text.lstrip()
        return [Break(" "), sign] if sign != text else [Break(""), sign, IfBroken(" ")]

    def _conditional(self, node: ast.IfExp, inside: bool) -> list[Document]:
        gap = Break() if inside else " "
        parts = [self._document(node.body, inside), gap, "if ", self._document(node.test, inside)]
        if isinstance(node.orelse, ast.IfExp) and not self._is_enclosed(node.orelse):
            return [*parts, gap, "else ", *self._conditional(node.orelse, inside)]
        return [*parts, gap, "else ", self._document(node.orelse, inside)]

    def _comprehension(self, node: _Comprehension) -> Document:
        if isinstance(node, ast.DictComp):
            parts: list[Document] = [Group(self._entry(node.key, node.value))]
        else:
            parts = [Group(self._document(node.elt, True))]
        for clause in node.generators:
            iterable = self._document(clause.iter, True)
            parts += [Break(), f"for {self._text(clause.target)} in ", iterable]
            for test in clause.ifs:
                parts += [Break(), "if ", self._document(test, True)]
        return Group(parts)

    def _around(self, parts: Sequence[ast.expr], node: ast.expr, inside: bool) -> list[Document]:
        """Some parts of an expression as documents, and the text around them as it is."""
        documents: list[Document] = []
        at = node.col_offset
        for part in parts:
            start, end = self._span(part)
            documents += [self.source[at:start].decode(), self._document(part, inside)]
            at = end
        return [*documents, self.source[at : node.end_col_offset].decode()]

    # ---- questions ---------------------------------------------------------------------------

    def _text(self, node: ast.expr) -> str:
        return self.source[node.col_offset : node.end_col_offset].decode()

    def _is_enclosed(self, node: ast.expr) -> bool:
        return (node.col_offset, node.end_col_offset) in self.enclosed

    def _is_literal(self, node: ast.expr) -> bool:
        """Whether a list or a tuple has brackets."""
        start, end = node.col_offset, node.end_col_offset or 0
        return isinstance(node, ast.List) or (start + 1, end - 1) in self.enclosed

    def _span(self, node: ast.expr) -> tuple[int, int]:
        """Where an expression and the brackets around it start and end."""
        bracket = self._is_enclosed(node)
        return node.col_offset - bracket, (node.end_col_offset or 0) + bracket

    def _links(self, node: ast.expr) -> tuple[ast.expr, list[_Linked]]:
        """What a chain of attributes, calls and subscripts starts with, and its links."""
        links: list[_Linked] = []
        while isinstance(node, _Linked) and not (links and self._is_enclosed(node)):
            links.append(node)
            node = node.func if isinstance(node, ast.Call) else node.value
        return node, links[::-1]

    def _points(self, root: ast.expr, links: Sequence[_Linked]) -> set[ast.expr]:
        """The attributes behind brackets: where there are several, each starts a line."""
        return {
            link
            for before, link in pairwise([root, *links])
            if isinstance(link, ast.Attribute)
            and (isinstance(before, ast.Call | ast.Subscript) or self._is_enclosed(before))
        }

    def _flat(self, node: ast.expr) -> list[ast.expr | _Operator]:
        """The operands of infix operators, however they are nested, with the operators between."""
        parts: list[ast.expr | _Operator] = []
        pending: list[ast.expr | _Operator] = [node]
        while pending:
            part = pending.pop()
            if isinstance(part, _Infix) and (part is node or not self._is_enclosed(part)):
                pending += reversed(self._operands(part))
            else:
                parts.append(part)
        return parts

    def _operands(self, node: ast.BinOp | ast.BoolOp | ast.Compare) -> list[ast.expr | _Operator]:
        match node:
            case ast.BinOp(left, operator, right):
                operands, rank = [left, right], _RANKS[type(operator)]
            case ast.BoolOp(_, operands):
                rank = _RANKS[ast.BoolOp]
            case ast.Compare(left, _, others):
                operands, rank = [left, *others], _RANKS[ast.Compare]
        parts: list[ast.expr | _Operator] = [operands[0]]
        for before, operand in pairwise(operands):
            gap = self.source[self._span(before)[1] : self._span(operand)[0]]
            parts += [_Operator(gap.decode(), rank), operand]
        return parts


def _brackets(opening: str, inner: Document, closing: str, inside: bool) -> Document:
    group = Group([Indent([Break(""), inner]), Break("")], free=not inside)
    return [opening, group, closing]


def _optional_brackets(inner: Document, free: bool = False) -> Document:
    """Brackets that are there only where what they hold does not fit in a line."""
    return Group([IfBroken("("), Indent([Break(""), inner]), Break(""), IfBroken(")")], free)
