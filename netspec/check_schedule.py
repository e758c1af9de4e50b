from typing import Any, NamedTuple


class Schedule(NamedTuple):
    x: int = 0

    def imports(self) -> tuple[str, ...]:
        return ()

    def names(self) -> tuple[str, ...]:
        return ()


def check_schedule(node: Any, scope: Any, optimizer: Any, found: Any) -> Schedule | None:
    return Schedule()
