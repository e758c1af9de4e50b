"""What shape and dtype rules raise where tensors and arguments do not go together."""

from collections.abc import Iterable

from netspec.dim import Dim


class Misfit(Exception):
    """Inputs or arguments that do not go together.

    `message` says what does not fit, `label` stands under the carets, `argument` names the argument
    to point at, where it is not the whole call. `equal` are the sizes that would have to be equal,
    in pairs. `code` is that of the error.
    """

    def __init__(
        self,
        message: str,
        *,
        label: str = "",
        help: str = "",
        argument: str | None = None,
        equal: Iterable[tuple[Dim, Dim]] = (),
        code: str = "shape-mismatch",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.label = label
        self.help = help
        self.argument = argument
        self.equal = tuple(equal)
        self.code = code

    def helped(self, help: str) -> "Misfit":
        """The same with another way out, where there is one."""
        self.help = help or self.help
        return self
