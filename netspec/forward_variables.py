"""What type checkers know of the variables of a forward, so that it is told no more than needed."""

from netspec.code_text import Text


class Variables:
    """The variables so far.

    `typed`: those that type checkers take for tensors; `declared`: inputs, which are tensors
    whatever their value; `returned`: what a definition gives back, which is annotated with `kind`
    where nothing else tells its type.
    """

    def __init__(
        self, typed: frozenset[str], declared: frozenset[str], returned: str, kind: str
    ) -> None:
        self.typed = set(typed)
        self._returned = returned
        self._kind = kind
        self._declared = {*declared, *typed}  # what has a type of its own, whatever its value
        self._assigned: set[str] = set()

    def assignment(self, name: str, text: Text, nested: bool) -> str:
        """The line that gives a variable a value; `nested`: in a loop or branch."""
        first = name not in self._assigned and name not in self.typed
        annotate = first and name == self._returned and not text.typed
        self._assigned.add(name)
        if annotate:
            self._declared.add(name)
        if text.typed or annotate:
            self.typed.add(name)
        elif name not in self._declared and not nested:
            self.typed.discard(name)  # type checkers follow the last value
        return f"{name}{f': {self._kind}' if annotate else ''} = {text.text}"
