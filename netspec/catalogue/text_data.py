"""Text as tokens, for models that say what comes next."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from annotated_types import MinLen

from netspec.catalogue.dataset import Dataset, Place, Sizes
from netspec.catalogue.signature import KEYWORD, PositiveInt
from netspec.dim import symbol
from netspec.misfit import Misfit
from netspec.tensor import Tensor

Level = Annotated[Literal["char", "byte"], KEYWORD]
_BYTES = 256
_TOPICS = 400_000  # characters that the help of each Python has at least


class _Tokens(Dataset):
    """Windows of `context` tokens, which do not overlap, each with the tokens that follow."""

    ordered: ClassVar[bool] = True

    context: PositiveInt
    level: Level = "byte"
    vocabulary: Annotated[PositiveInt | None, KEYWORD] = None

    def check(self) -> None:
        if self.level == "char" and self.vocabulary is None:
            raise Misfit(
                "characters need a `vocabulary`: how many different ones there may be",
                label="how many tokens?",
                help='write `vocabulary=65`, say, or `level="byte"` for 256 of them',
                argument="level",
            )
        if self.level == "byte" and self.vocabulary is not None:
            raise Misfit(
                "bytes have a vocabulary of 256",
                label="only characters have another one",
                help='leave it out, or write `level="char"`',
                argument="vocabulary",
            )

    def check_apart(self) -> None:
        if self.level == "char":
            raise Misfit(
                "characters of two texts are not numbered alike",
                label="each text has characters of its own",
                help='write `level="byte"`, or `validation = 0.1` for the end of this text',
                argument="level",
            )

    @property
    def size(self) -> int:
        return self.vocabulary or _BYTES

    def columns(self) -> Mapping[str, Tensor]:
        kind = Tensor((symbol("N"), self.context), "int64")
        return {"tokens": kind, "target": kind}

    def classes_of(self) -> Mapping[str, int]:
        return {"tokens": self.size, "target": self.size}

    def told(self) -> str:
        what = "bytes" if self.level == "byte" else "characters"
        return f"Cut a text into windows of {self.context} {what}, and those that follow."

    def text(self) -> tuple[str, ...]:
        """The lines that leave the text in `text`, as bytes or as a string."""
        raise NotImplementedError

    def origin(self) -> str:
        """What errors call the text, inside of an f-string."""
        raise NotImplementedError

    def code(self, sizes: Sizes) -> tuple[str, ...]:
        few = f"{self.origin()} has {{len(text)}} tokens, too few for a window"
        lines = [
            *self.text(),
            f"count = (len(text) - 1) // {self.context}",
            "if count < 1:",
            f'    raise SystemExit(f"{few}")',
        ]
        if self.level == "char":
            lines += [
                "letters = {letter: i for i, letter in enumerate(sorted(set(text)))}",
                f"if len(letters) > {self.size}:",
                f'    found = f"{{len(letters)}} characters, the vocabulary has {self.size}"',
                f'    raise SystemExit(f"{self.origin()} has {{found}}")',
                "tokens = torch.tensor([letters[letter] for letter in text])",
            ]
        else:
            read = "torch.frombuffer(bytearray(text), dtype=torch.uint8)"
            lines.append(f"tokens = {read}.long()")
        return (*lines, f"end = count * {self.context}")

    def tensors(self) -> tuple[str, ...]:
        return (
            f"tokens[:end].view(count, {self.context})",
            f"tokens[1 : end + 1].view(count, {self.context})",
        )


class _Located(Dataset):
    """A source that is a file."""

    path: Annotated[str, MinLen(1)]

    def places(self) -> tuple[Place, ...]:
        return (Place("path", "str", self.path),)


class Text(_Tokens, _Located):
    """A text file in windows of `context` tokens, for models that say what comes next.

    `tokens` int64[N, context]; `target`, of the same type, is the token that follows each. The
    tokens are bytes, or characters in sorted order, of which there are `vocabulary` at most. The
    end of the text validates.
    """

    def origin(self) -> str:
        return "{path}"

    def text(self) -> tuple[str, ...]:
        if self.level == "byte":
            return ("text = Path(path).read_bytes()",)
        return (
            "try:",
            '    text = Path(path).read_text(encoding="utf-8")',
            "except UnicodeDecodeError as error:",
            '    raise SystemExit(f"{path} is no text in UTF-8: {error}") from None',
        )


class Topics(_Tokens):
    """The help on Python's language, 465,000 characters of English that come with Python.

    `tokens` int64[N, context]; `target`, of the same type, is the token that follows each. The
    tokens are bytes, or characters in sorted order, of which there are `vocabulary` at most. The
    end of the text validates.
    """

    fixed: ClassVar[bool] = True
    standard_imports: ClassVar[tuple[str, ...]] = ("from pydoc_data.topics import topics",)

    def length(self) -> int:
        return _TOPICS // self.context

    def origin(self) -> str:
        return "the text"

    def text(self) -> tuple[str, ...]:
        encoded = ".encode()" if self.level == "byte" else ""
        return (f'text = "\\n\\n".join(topics.values()){encoded}',)
