"""Wide statements of generated code: ruff is the oracle of where they are broken."""

import ast
import random
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

import netspec
from netspec.wrap import wrap

BIN = Path(sys.executable).parent
HEADERS = ("if ", "for ")
STATEMENTS = """
y = torch.einsum("b h q d, b h k d -> b h q k", queries_of_all + 1, keys_of_all * 2.0)
y = torch.einsum("bhqd,bhkd->bhqk", queries_of_all_heads, keys_of_all_heads + "it's, (so")
y = torch.einsum("bhqd,bhkd->bhqk", queries_of_all_heads, keys_of_all_heads).softmax(dim=-1)
y = torch.einsum("bhqd,bhkd->bhqk", queries_of_all, keys_of_all).softmax(dim=-1).contiguous()
y = (queries_of_all_heads + keys_of_all).reshape(queries_of_all_heads, keys_of_all_heads, 2)
y = queries_of_all_heads.transpose(1, 2).reshape(queries_of_all_heads, keys_of_all_heads, 1)
y = queries_of_all_heads.transpose(1, 2).reshape(queries_of_all_heads, keys_of_all).flatten(1)
y = self.queries_of_all_heads(self.queries(self.queries_of_all_heads(self.queries_of_all(x))))
y = self.queries_of_all_heads(*queries_of_all_heads, **keys_of_all_heads_of_all_layers_of_it)
y = self.queries_of_all_heads(queries_of_all_heads + keys_of_all_heads + values_of_all + bias)
y = self.queries_of_all_heads(queries_of_all_heads + keys_of_all_heads * values_of_all / x, 1)
y = self.queries_of_all_heads(dim=queries_of_all_heads + keys_of_all_heads + values_of_all_h)
y = torch.stack((queries_of_all_heads, keys_of_all_heads, values_of_all_heads, bias_of_all_h))
y = torch.stack([queries_of_all_heads, keys_of_all_heads, values_of_all_heads + 1], dim=12345)
y = torch.stack((queries_of_all_heads_of_all_the_layers + keys_of_all_heads_of_all_of_them,))
y = torch.stack([self.project(queries) for queries in queries_of_all_heads if queries > keys])
y = torch.stack(tuple(self.project(queries) for queries in queries_of_all_heads_of_all_layers))
y = sum(self.project(queries_of_all, keys_of_all) for queries_of_all, keys_of_all in zip(x, y))
y = queries_of_all_heads + F.relu(queries_of_all_heads + keys_of_all_heads, values_of_all_hea)
y = queries_of_all_heads + queries_of_all_heads - queries_of_all_heads + queries_of_all_heads
y = (queries_of_all_heads + keys_of_all_heads) * (values_of_all_heads + bias_of_all_the_heads)
y = queries_of_all_heads(keys_of_all_heads, values_of_all, bias_of_all_the_heads, mask) + bias
y = queries_of_all_heads(keys_of_all_heads, values_of_all, bias_of_all_the_heads) + f(values)
y = queries_of_all_heads * 2 - self.project(queries_of_all_heads, keys_of_all_heads, values, 1)
y = queries_of_all_heads + self.project_of_all[:, queries_of_all_heads, keys_of_all_heads, 112]
y = queries_of_all_heads**2 // keys_of_all_heads % values_of_all_heads * bias_of_all_the_head
y = queries_of_all_heads_of_all_layers // 2 ** keys_of_all_heads() ** values_of_all_heads_of
y = queries_of_all_heads_of_all_the_layers**keys_of_all_heads_of_all_the_layers_of_the_net_of
y = -F.leaky_relu(queries_of_all_heads, negative_slope=keys_of_all_heads, inplace=values_of_a)
y = not queries_of_all_heads_of_all_the_layers and keys_of_all_heads_of_all_the_layers != values
y = F.relu(queries_of_all_heads) if self.training_of_all_heads else F.relu(keys_of_all_heads)
y = self.project(queries if keys_of_all_heads_of_all_layers else values_of_all_heads, dim=1234)
y = self.project(dim=1 if queries_of_all_heads_of_all else 2 if keys_of_all_heads_of_all else 3)
y = queries_of_all_heads[:, keys_of_all_heads : keys_of_all_heads + 1, ..., values_of_all_heads]
y = queries_of_all_heads.view(keys_of_all_heads, values)[:, 1:, :, keys_of_all_heads_of_layers]
y = queries_of_all_heads.view(keys_of_all_heads, 1)[:, 1:, keys_of_all].reshape(1, 2, 3).sum(1)
y = queries_of_all_heads(keys_of_all_heads)[values_of_all_heads].shape[bias_of_all_heads_of_it]
queries_of_all_heads_of_the_layers = keys_of_all_heads_of_all_layers.values_of_all_heads_of_it
queries_of_all_heads_of_all_the_layers_of_it = self.keys_of_all_heads_of_all_the_layers_of(x)
queries_of_all_heads_of_all_the_layers_of_it = keys_of_all_heads_of_all_the_layers_of_the_net()
queries_of_all_heads_of_all_the_layers_of_it = keys_of_all_heads == values_of_all_heads_of_it
y = LambdaLR(queries_of_all_heads, lambda epoch: min(1.0, keys_of_all + 1) * values_of_all**2)
y = LambdaLR(queries, lambda epoch: min(1.0, keys_of_all + 1) * values_of_all_heads**epoch + 1.5, 3)
y = LambdaLR(queries, lambda epoch: min(1.0, keys_of_all_heads / 2000, values_of_all_heads, epoch))
y = LambdaLR(queries, lambda epoch: [keys_of_all_heads, values_of_all_heads, bias_of][epoch // 3])
y = LambdaLR(queries, lambda epoch: keys_of_all_heads if epoch > values_of_all_heads else -bias_of)
y = [LambdaLR(queries_of_all_heads, lambda epoch: -min(keys_of_all_heads_of_it, values_of_all + 1))]
output_of_all_of_these: Tensor = queries_of_all_heads + self.keys_of_all.softmax(dim=-1).f(a)
output_of_all_of_these: Tensor = queries_of_all_heads + self.keys_of_all_heads + values_of_it
output_of_all_of_these: Tensor = self.project_all(queries_of_all_heads, keys_of_all_heads, val)
y[:, queries_of_all_heads] = queries_of_all_heads(f(x), keys_of_all_heads, values_of_all_heads)
y[:, queries_of_all_heads, keys_of_all_heads, values_of_all_heads, bias_of_all_heads] = f(x, 1)
queries_of_all, keys_of_all_heads = self.attention_of_all_heads(queries_of_all, keys_of_all, 1)
queries_of_all_heads, keys_of_all_heads = self.attention_of_all_heads_of_layers(queries_of_all)
queries_of_all_heads, keys_of_all_heads, values_of_all_heads, bias_of_all_heads_of_it = f(x, 1)
queries_of_all_heads, keys_of_all_heads = queries_of_all_heads, keys_of_all_heads, values_of_al
return queries_of_all_heads, keys_of_all_heads, values_of_all_heads, bias_of_all_heads_of_it
return self.project_of_all_heads(queries_of_all_heads, keys_of_all_heads, values_of_all), bias
return queries_of_all_heads_of_all_the_layers_of_it, keys_of_all_heads_of_all_the_layers_of_it
return self.head(torch.cat((self.left_of_all(left), self.right_of_all(right)), dim=1), x), left
return self.head(torch.cat((self.left_of_all(left), self.right_of_all(right)), dim=1), left, x)
return (queries_of_all_heads + keys_of_all_heads), (values_of_all_heads + bias_of_all_the_heads)
self.project_of_all_heads(queries_of_all_heads, keys_of_all_heads, values_of_all_heads, bias_of)
raise ValueError("a message with ( brackets, 'quotes' and commas that is wider than a line is is")
raise ValueError("a message with ' and \\" and ) and \\\\" + "that is wider than a line of code")
if queries_of_all_heads > 1000 and keys_of_all_heads < 100000 or values_of_all_heads is not None:
if queries_of_all_heads_of_all_the_layers // 100000 % keys_of_all_heads_of_all_the_layers != 0:
if self.project_of_all_heads(queries_of_all_heads, keys_of_all_heads, values_of_all_heads, bi):
for left, right in zip(self.queries_of_all_heads, self.keys_of_all_heads, strict=True, other=1):
for left_of_all_heads, (right_of_all_heads, other_of_all_heads) in enumerate(self.attentions(x)):
y = self.größe_aller_köpfe(queries_of_all_heads, schlüssel_aller_köpfe + keys_of_all_heads, "ü")
raise ValueError("宽度必须能被头数整除宽度必须能被头数整除 (宽度必须能被头数整除)" + "宽度")
""".strip().splitlines()


def in_functions(statements: Iterable[list[str]], indent: int) -> str:
    """A module with a function for each statement, its lines `indent` levels deep."""
    lines: list[str] = []
    for number, statement in enumerate(statements):
        body = [*statement, "    pass"] if statement[0].startswith(HEADERS) else statement
        lines += [f"def f{number}():", *("    " * n + "if True:" for n in range(1, indent))]
        lines += ["    " * indent + line for line in body]
        lines += ["", ""]
    return "\n".join(lines[:-2]) + "\n"


def formatted(text: str) -> str:
    command = [str(BIN / "ruff"), "format", "--isolated", "--no-cache", "--line-length=88", "-"]
    done = subprocess.run(
        command, input=text, capture_output=True, text=True, check=False, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def tree(lines: list[str]) -> str:
    text = "\n".join(lines)
    return ast.dump(ast.parse(f"{text} pass" if text.endswith(":") else text))


def random_statement(random: random.Random) -> str:
    """A statement as ruff would write it, were lines endless."""
    value = random_expression(random, random.randint(2, 4))
    forms = [
        *("x = {}", "queries_of_all_heads = {}", "output: Tensor = {}", "return {}", "if {}:"),
        *("a, values_of_all_heads = {}", "y[index] = {}", "return {}, f(x)", "f({}, dim=1)"),
    ]
    return random.choice(forms).format(value)


def random_expression(random: random.Random, depth: int) -> str:
    def inner() -> str:
        return random_expression(random, depth - 1)

    def operand() -> str:
        text = inner()
        kinds = ast.BinOp | ast.UnaryOp | ast.BoolOp | ast.Compare | ast.IfExp
        return f"({text})" if isinstance(ast.parse(text, mode="eval").body, kinds) else text

    if depth == 0 or random.random() < 0.15:
        return random.choice(["x", "1", "queries", "self.keys_of_all", "hidden_size", '"(a, [b"'])
    signs = ["+", "-", "*", "/", "@", "//", "==", "<", "is not", "and", "or"]
    function = random.choice(["f", "F.relu", "torch.einsum", "self.attention"])
    match random.randrange(8):
        case 0 | 1:
            arguments = [inner() for _ in range(random.randint(0, 3))]
            return f"{function}({', '.join(arguments)})"
        case 2:
            return f"{function}({inner()}, dim={inner()})"
        case 3:
            return f"{function}({inner()}).{random.choice(['view', 'sum'])}({inner()}).T"
        case 4:
            return f"x[:, {inner()}, 1:].reshape({inner()}, ({inner()}, -1)).shape[0]"
        case 5:
            return f"{operand()} {random.choice(signs)} {operand()}"
        case 6:
            return f"{operand()} + {operand()} * {operand()}"
    return f"{operand()} if {operand()} else {operand()}"


@pytest.mark.parametrize("indent", [2, 3, 4])
def test_ruff_would_break_the_statements_in_the_same_places(indent: int) -> None:
    text = in_functions([wrap(statement, indent) for statement in STATEMENTS], indent)
    assert formatted(text) == text
    assert text == formatted(in_functions([[statement] for statement in STATEMENTS], indent))


@pytest.mark.parametrize("seed", range(3))
def test_ruff_would_break_nested_expressions_in_the_same_places(seed: int) -> None:
    source = random.Random(seed)
    statements = [random_statement(source) for _ in range(300)]
    text = in_functions([wrap(statement, 2) for statement in statements], 2)
    assert text == formatted(in_functions([[statement] for statement in statements], 2))


@pytest.mark.parametrize("indent", [2, 6, 12, 20])
def test_a_broken_statement_means_what_it_meant(indent: int) -> None:
    source = random.Random(indent)
    for statement in [*STATEMENTS, *(random_statement(source) for _ in range(150))]:
        assert tree(wrap(statement, indent)) == tree([statement])


def test_a_statement_that_fits_stays() -> None:
    assert wrap(f"y = f({'x' * 70}, 1)", 2) == [f"y = f({'x' * 70}, 1)"]
    assert wrap(f"y = f({'x' * 71}, 1)", 2) == ["y = f(", f"    {'x' * 71}, 1", ")"]


def test_an_elif_is_broken_as_an_if_is() -> None:
    test = "isinstance(module, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.LazyConv3d)):"
    lines = ["if x:", "    pass", *wrap(f"elif {test}", 2), "    pass"]
    text = in_functions([lines], 2)
    assert len(lines) > 4
    assert formatted(text) == text


EINSUM = """
net W()(queries_of_all_heads: float32[N, 4, 8, 16], keys_of_all_heads: float32[N, 4, 8, 16]) {
    attention = einsum("bhqd,bhkd->bhqk", queries_of_all_heads + 1, keys_of_all_heads * 2.0)
    return attention -> softmax(dim=-1)
}
"""

WIDE = """
net Wide(number_of_attention_heads: int = 4, width_of_each_head: int = 16, expansion: int = 4)(
    x: float32[N, T, number_of_attention_heads * width_of_each_head]
) {
    require number_of_attention_heads * width_of_each_head % 8 == 0 and expansion > 0
    let hidden = number_of_attention_heads * width_of_each_head * expansion + 8 * expansion
    return x -> Linear(number_of_attention_heads * width_of_each_head * expansion + hidden) -> GELU
}
"""


def test_the_strings_of_a_forward_stay_as_they_are() -> None:
    text = netspec.loads(EINSUM).render()["model.py"]
    assert '"bhqd,bhkd->bhqk", queries_of_all_heads + 1, keys_of_all_heads * 2.0\n' in text
    assert formatted(text) == text


def test_wide_statements_of_a_constructor_are_broken() -> None:
    text = netspec.loads(WIDE).render()["model.py"]
    assert "hidden = (\n" in text
    assert "self.linear1 = nn.Linear(\n" in text
    assert formatted(text) == text
