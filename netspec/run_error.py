"""What goes wrong when a net is trained or used: with files and settings, not with the spec."""


class RunError(Exception):
    """A run that cannot begin or go on; `help` is one way out, "" where there is none to name."""

    def __init__(self, message: str, help: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.help = help

    def __reduce__(self) -> tuple[type["RunError"], tuple[str, str]]:
        return RunError, (self.message, self.help)
