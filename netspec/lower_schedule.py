from typing import Any


def write_schedule(schedule: Any, *, variable: str, optimizer: str, warmup: str) -> list[str]:
    return [f"{variable} = None"]


def steps_metric(schedule: Any) -> str:
    return ""
