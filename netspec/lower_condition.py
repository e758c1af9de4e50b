"""Turn the tests of a spec into those of generated code, and what is raised where one fails."""

from netspec import syntax as s
from netspec.source import Source
from netspec.write import write_literal


def negated(test: s.Expression) -> s.Expression:
    """The test that holds where `test` does not."""
    opposite = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
    match test:
        case s.Unary("not", operand):
            return operand
        case s.Comparison((operator,), operands, span):
            return s.Comparison((opposite[operator],), operands, span)
    return s.Unary("not", test, test.span)


def refusal(statement: s.Require, source: Source) -> str:
    """The statement that is run where a `require` does not hold."""
    message = statement.message or f"{source.cut(statement.test.span)} does not hold"
    return f"raise ValueError({write_literal(message)})"
