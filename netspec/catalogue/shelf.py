"""A part of the catalogue that imports the family of an entry when the entry is asked for."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Generic, TypeVar

T = TypeVar("T")


class Shelf(Mapping[str, type[T]], Generic[T]):
    """Entries by name; `homes` has the module of each, so that names are known before imports."""

    def __init__(self, homes: Mapping[str, str]) -> None:
        self.homes = homes
        self.loaded: dict[str, type[T]] = {}

    def add(self, name: str, entry: type[T]) -> None:
        """Put an entry on the shelf: its module has been imported."""
        self.loaded[name] = entry

    def __getitem__(self, name: str) -> type[T]:
        if name not in self.loaded:
            import_module(f"netspec.catalogue.{self.homes[name]}")
        return self.loaded[name]

    def __contains__(self, name: object) -> bool:
        return name in self.homes or name in self.loaded

    def __iter__(self) -> Iterator[str]:
        yield from self.homes
        yield from (name for name in self.loaded if name not in self.homes)

    def __len__(self) -> int:
        return len({*self.homes, *self.loaded})
