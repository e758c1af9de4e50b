"""Turn chains into lines: one for each line that a chain stands in, with its shape behind."""

from netspec import syntax as s
from netspec.code_text import Text
from netspec.dim import Dim, form_of
from netspec.facts import Facts
from netspec.form import write
from netspec.forward_lines import Lines
from netspec.forward_variables import Variables
from netspec.lower_expression import Expressions, flat_stages
from netspec.substitute import symbols

_CHAINED = 60  # characters of nested calls in one line


class Chains:
    """Writes the chains of one forward; `running`: the sizes that change from turn to turn."""

    def __init__(
        self,
        facts: Facts,
        running: set[str],
        expressions: Expressions,
        variables: Variables,
        lines: Lines,
    ) -> None:
        self.facts = facts
        self.running = running
        self.expressions = expressions
        self.variables = variables
        self.lines = lines

    def write(self, chain: s.Chain, temporary: str) -> Text:
        """The code of the last line of a chain; the lines before it are written."""
        text = self.expressions.inline(chain.first)
        groups = self._group(chain)
        for index, group in enumerate(groups):
            comment = ""
            for stage in group:
                step = self.expressions.stage(stage, text)
                if len(step.text) > _CHAINED and stage is not group[0]:
                    text = self._assigned(temporary, text, comment)
                    step = self.expressions.stage(stage, text)
                text = step
                comment = self._shape_comment(stage)
            if index < len(groups) - 1:
                text = self._assigned(temporary, text, comment)
        return text

    def _assigned(self, name: str, text: Text, comment: str) -> Text:
        """The variable that takes the value so far, in a line of its own."""
        nested = self.lines.depth > 0
        self.lines.add(self.variables.assignment(name, text, nested), comment)
        return Text(name, typed=name in self.variables.typed)

    def _group(self, chain: s.Chain) -> list[list[s.Stage]]:
        """The stages, a list for each line of the spec that they stand in."""
        groups: list[list[s.Stage]] = []
        line = 0
        for stage in flat_stages(chain.stages):
            number = self.facts.home.source.position(stage.span.start)[0]
            if not groups or number != line:
                groups.append([])
            groups[-1].append(stage)
            line = number
        return groups

    def comment(self, chain: s.Chain) -> str:
        """The shape that a chain ends with."""
        return self._shape_comment(chain.stages[-1])

    def _shape_comment(self, stage: s.Stage) -> str:
        """The shape after a stage without its batch dimension, for pictures, signals, sequences."""
        tensor = self.facts.types.get(stage.span)
        if tensor is None or tensor.rank < 3 or not isinstance(self.facts.definition, s.Net):
            return ""
        if any(symbols(dim) & self.running for dim in tensor.shape):
            return ""
        return " x ".join(_size_text(dim) for dim in tensor.shape[1:])


def _size_text(dim: Dim) -> str:
    text = min(str(dim), write(form_of(dim)), key=len)
    return f"({text})" if " " in text else text
