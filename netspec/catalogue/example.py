"""A use of a layer or of a function, as its documentation shows it and a test holds it."""

from typing import NamedTuple


class Example(NamedTuple):
    """A call, the input that it gets, and the output that it gives, as a spec writes them.

    Several inputs or outputs have commas between them. The call of a layer names none of its
    inputs, `Linear(8)` and `float32[N, 4]`; that of a function is what stands in a body, and its
    input what stands in the signature: `x -> mean(dim=1)` and `x: float32[N, 4]`, or nothing.
    """

    call: str
    input: str
    output: str


class Shapes(NamedTuple):
    """A shape rule: the shapes of the inputs, what they give, and where that holds.

    Names in a shape stand for a size each, `N?` for one that may be missing, `*` and `*A` for any
    number of them, the same ones on both sides. A size of the output is a formula of those of the
    inputs and of the arguments; one with a prime is told in `where`, or in the text of the entry.
    """

    inputs: str
    output: str
    where: str = ""


UNCHANGED = (Shapes("[*]", "[*]"),)
BROADCAST = (
    Shapes("[*A], [*B]", "[*broadcast(A, B)]"),
    Shapes("[*A]", "[*A]", "the other is a number"),
)
