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
