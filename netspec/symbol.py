"""Names in dimensions: parameters, sizes that data brings, and build-time expressions."""

from collections.abc import Callable

from netspec.form import Form, Rename


class Symbol:
    """A name in a dimension; `value` is None where only the data decides.

    `frame` tells names of different blocks apart: symbols are the same where both agree.
    """

    __slots__ = ("frame", "multiple", "name", "value")

    def __init__(self, name: str, value: int | None = None, frame: int = 0) -> None:
        self.name = name
        self.value = value
        self.frame = frame
        self.multiple = 1  # what it is known to be a multiple of

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Symbol) and (self.name, self.frame) == (other.name, other.frame)

    def __hash__(self) -> int:
        return hash((self.name, self.frame))

    @property
    def key(self) -> str:
        return f"{self.name} {self.frame}"

    def evaluate(self) -> int | None:
        return self.value

    def form(self) -> Form:
        return ("name", self.name)


class Opaque(Symbol):
    """A build-time expression that is no polynomial: `int(0.5 * C)`.

    `names`: those that it mentions; `write` gives its text, each of them passed through a function.
    `loose`: as an operand it needs brackets.
    """

    __slots__ = ("loose", "names", "write")

    def __init__(
        self,
        names: frozenset[str],
        write: Callable[[Rename], str],
        loose: bool,
        value: int,
        frame: int,
    ) -> None:
        super().__init__(write(str), value, frame)
        self.names = names
        self.write = write
        self.loose = loose

    def form(self) -> Form:
        return ("code", self.names, self.write, self.loose)
