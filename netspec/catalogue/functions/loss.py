"""Losses of two tensors of one shape: how far each number of an output is from its target."""

from typing import Annotated, Any, ClassVar, Literal

from netspec.catalogue.dtypes import REAL, TRUTH, as_modulus
from netspec.catalogue.example import Shapes
from netspec.catalogue.function import Example
from netspec.catalogue.functions.loss_function import (
    KeywordFloat,
    KeywordInput,
    KeywordReduction,
    LossFunction,
    Reduction,
    are_alike,
    pairs,
)
from netspec.catalogue.shapes import require_dimensions
from netspec.catalogue.signature import (
    KEYWORD,
    Input,
    KeywordFlag,
    NonNegativeFloat,
    PositiveFloat,
)
from netspec.compare import agree, same
from netspec.elementwise import promote, result_type
from netspec.misfit import Misfit
from netspec.tensor import COMPLEX, FLOATING, Shape, Tensor, write_shape

_COUNTS = REAL | TRUTH


class _Compared(LossFunction):
    """`dtypes`: those of the input; `targets`: those of the target, none where it is the same."""

    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[*], [*]", "[]"),
        Shapes("[*], [*]", "[*]", 'reduction="none"'),
    )

    dtypes: ClassVar[frozenset[str]] = FLOATING
    targets: ClassVar[frozenset[str]] = frozenset()

    input: Input
    target: Input

    def apply(self) -> Tensor:
        self.require_dtypes(("input",), self.dtypes)
        if self.targets:
            self.require_dtypes(("target",), self.targets)
        else:
            self.require_dtype_of("input", "target")
        shape = self.require_one_shape("input", "target")
        self.require_weights(shape)
        return self.reduced(shape, self.result())

    def require_weights(self, shape: Shape) -> None:
        """Refuse weights that do not go with the tensors of this shape."""

    def result(self) -> str:
        """The dtype of the loss."""
        return promote(self.input.dtype, self.target.dtype)


class _Weighed(_Compared):
    """`weight` has a number for each that is compared."""

    def require_weights(self, shape: Shape) -> None:
        given: Any = self
        if given.weight is not None:
            self.require_dtypes(("weight",), _COUNTS)
            self.require_one_shape("input", "weight")

    def result(self) -> str:
        given: Any = self
        dtype = as_modulus(super().result())
        return dtype if given.weight is None else promote(dtype, given.weight.dtype)


class MseLoss(_Weighed, name="mse_loss"):
    """(input - target)²."""

    either: ClassVar[bool] = True
    itself: ClassVar[str] = "0"
    targets: ClassVar[frozenset[str]] = _COUNTS
    examples = (
        Example("mse_loss(y, target)", "y: float32[N, 8], target: float32[N, 8]", "float32[]"),
        Example(
            'mse_loss(y, target, reduction="none")',
            "y: float32[N, 8], target: float32[N, 8]",
            "float32[N, 8]",
        ),
    )

    reduction: KeywordReduction = "mean"
    weight: KeywordInput = None


class L1Loss(_Weighed, name="l1_loss"):
    """|input - target|."""

    either: ClassVar[bool] = True
    itself: ClassVar[str] = "0"
    dtypes: ClassVar[frozenset[str]] = FLOATING | COMPLEX
    targets: ClassVar[frozenset[str]] = REAL | COMPLEX
    examples = (
        Example(
            'l1_loss(y, target, reduction="sum")',
            "y: float32[N, 3, H, W], target: float32[N, 3, H, W]",
            "float32[]",
        ),
    )

    reduction: KeywordReduction = "mean"
    weight: KeywordInput = None


class SmoothL1Loss(_Compared, name="smooth_l1_loss"):
    """(input - target)² / (2 beta) below a difference `beta`, else difference - beta / 2."""

    either: ClassVar[bool] = True
    itself: ClassVar[str] = "0"
    targets: ClassVar[frozenset[str]] = _COUNTS
    examples = (
        Example(
            "smooth_l1_loss(y, target, beta=0.5)",
            "y: float32[N, 4], target: float32[N, 4]",
            "float32[]",
        ),
    )

    reduction: KeywordReduction = "mean"
    beta: Annotated[NonNegativeFloat, KEYWORD] = 1.0


class HuberLoss(_Weighed, name="huber_loss"):
    """(input - target)² / 2 below a difference `delta`, else delta * (difference - delta / 2)."""

    either: ClassVar[bool] = True
    itself: ClassVar[str] = "0"
    examples = (
        Example(
            "huber_loss(y, target, delta=2.0)",
            "y: float32[N, 4], target: float32[N, 4]",
            "float32[]",
        ),
    )

    reduction: Reduction = "mean"
    delta: PositiveFloat = 1.0
    weight: Input | None = None


class BinaryCrossEntropy(_Compared, name="binary_cross_entropy"):
    """Cross entropy of probabilities and targets from 0 to 1; `weight` is stretched to them."""

    examples = (
        Example(
            "binary_cross_entropy(p, target)",
            "p: float32[N, 1], target: float32[N, 1]",
            "float32[]",
        ),
    )

    weight: Input | None = None
    reduction: KeywordReduction = "mean"

    def require_weights(self, shape: Shape) -> None:
        self.require_dtypes(("weight",), _COUNTS)
        self.require_stretches(shape, "weight")


class BinaryCrossEntropyWithLogits(_Compared, name="binary_cross_entropy_with_logits"):
    """Cross entropy of the sigmoid of logits and targets from 0 to 1.

    `weight` weighs each number, `pos_weight` those whose target is 1; both are stretched.
    """

    examples = (
        Example(
            "binary_cross_entropy_with_logits(logits, target)",
            "logits: float32[N, 1, H, W], target: float32[N, 1, H, W]",
            "float32[]",
        ),
        Example(
            'binary_cross_entropy_with_logits(logits, target, weights, reduction="none")',
            "logits: float32[N, 8], target: float32[N, 8], weights: float32[8]",
            "float32[N, 8]",
        ),
    )

    weight: Input | None = None
    reduction: KeywordReduction = "mean"
    pos_weight: KeywordInput = None

    def require_weights(self, shape: Shape) -> None:
        self.require_dtypes(("weight",), _COUNTS)
        self.require_dtypes(("pos_weight",), REAL)
        self.require_stretches(shape, "weight", "pos_weight")


class KlDiv(_Compared, name="kl_div"):
    """target * (log(target) - input): the input is a logarithm, with `log_target` the target, too.

    The divergence is the sum over a distribution: "batchmean" divides that by the size of the
    first dimension, while "mean" divides by the number of all places, and torch warns of it.
    """

    either: ClassVar[bool] = True
    targets: ClassVar[frozenset[str]] = FLOATING
    examples = (
        Example(
            'kl_div(log_p, target, reduction="batchmean")',
            "log_p: float32[N, 10], target: float32[N, 10]",
            "float32[]",
        ),
    )

    reduction: Annotated[Literal["none", "batchmean", "mean", "sum"], KEYWORD] = "mean"
    log_target: KeywordFlag = False


class PoissonNllLoss(_Compared, name="poisson_nll_loss"):
    """exp(input) - target * input, or input - target * log(input + eps) without `log_input`.

    `full` adds Stirling's approximation of the logarithm of the target's factorial.
    """

    targets: ClassVar[frozenset[str]] = _COUNTS
    examples = (
        Example(
            "poisson_nll_loss(log_rate, target)",
            "log_rate: float32[N, 8], target: float32[N, 8]",
            "float32[]",
        ),
    )

    log_input: bool = True
    full: bool = False
    eps: KeywordFloat = 1e-08
    reduction: KeywordReduction = "mean"


class GaussianNllLoss(LossFunction, name="gaussian_nll_loss"):
    """(log(var) + (input - target)² / var) / 2, with `var` at least `eps`.

    `var` is a number with a fraction, or a tensor of the input's shape, which may lack the last
    dimension, or have size 1 in one.
    """

    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[*], [*]", "[]", "`var` is a number"),
        Shapes("[*], [*]", "[*]", '`var` is a number; reduction="none"'),
        Shapes("[*], [*], [*]", "[]"),
        Shapes("[*], [*], [*]", "[*]", 'reduction="none"'),
        Shapes("[*, n], [*, n], [*]", "[]"),
        Shapes("[*, n], [*, n], [*]", "[*, n]", 'reduction="none"'),
        Shapes("[*, n], [*, n], [*, 1]", "[]"),
        Shapes("[*, n], [*, n], [*, 1]", "[*, n]", 'reduction="none"'),
    )
    examples = (
        Example(
            "gaussian_nll_loss(mean, target, var)",
            "mean: float32[N, 8], target: float32[N, 8], var: float32[N, 1]",
            "float32[]",
        ),
        Example(
            'gaussian_nll_loss(mean, target, 0.5, reduction="none")',
            "mean: float32[N, 8], target: float32[N, 8]",
            "float32[N, 8]",
        ),
    )

    input: Input
    target: Input
    var: Input | float
    full: bool = False
    eps: float = 1e-06
    reduction: Reduction = "mean"

    def apply(self) -> Tensor:
        self.require_dtypes(("input",))
        self.require_dtypes(("target",), REAL)
        shape = self.require_one_shape("input", "target")
        dtype = promote(self.input.dtype, self.target.dtype)
        if not isinstance(self.var, Tensor):
            self._require_variance(self.var)
            return self.reduced(shape, dtype)
        self.require_dtypes(("var",))
        if not _is_variance(self.var.shape, shape):
            raise Misfit(
                f"`var` of `{self.title}` must be {write_shape(shape)}, found "
                f"{write_shape(self.var.shape)}",
                label=f"the input has shape {write_shape(shape)}",
                help="leave the last dimension out, or give one of size 1, for a variance that "
                "several numbers share",
                argument="var",
                equal=pairs(self.var.shape, shape),
            )
        return self.reduced(shape, promote(dtype, self.var.dtype))

    def _require_variance(self, var: float) -> None:
        if isinstance(var, float) and var >= 0:
            return
        whole = isinstance(var, int)
        raise Misfit(
            f"`var` of `{self.title}` must be a tensor or a number with a fraction of at least 0, "
            f"found {var}",
            label="torch takes no integer here" if whole else "no variance is below 0",
            help=f"write {float(abs(var))}",
            argument="var",
        )


def _is_variance(var: Shape, shape: Shape) -> bool:
    """Whether a variance has a place for each number, or stands for those of one dimension."""
    if len(var) < len(shape):
        return are_alike(var, shape[:-1])
    differing = [a for a, b in pairs(var, shape) if not agree(a, b)]
    return len(var) == len(shape) and (not differing or [same(a, 1) for a in differing] == [True])


class _Signs(_Compared):
    """The target says 1 or -1; the loss has the dtype of the input."""

    def result(self) -> str:
        return self.input.dtype


class HingeEmbeddingLoss(_Signs, name="hinge_embedding_loss"):
    """The input, a distance, where the target is 1; max(0, margin - input) where it is -1."""

    targets: ClassVar[frozenset[str]] = _COUNTS
    examples = (
        Example(
            "hinge_embedding_loss(distance, target)",
            "distance: float32[N], target: int64[N]",
            "float32[]",
        ),
    )

    margin: float = 1.0
    reduction: KeywordReduction = "mean"


class SoftMarginLoss(_Signs, name="soft_margin_loss"):
    """log(1 + exp(-target * input)), with targets 1 and -1."""

    targets: ClassVar[frozenset[str]] = REAL
    examples = (
        Example(
            "soft_margin_loss(y, target)", "y: float32[N, 8], target: float32[N, 8]", "float32[]"
        ),
    )

    reduction: KeywordReduction = "mean"


class MultilabelSoftMarginLoss(_Compared, name="multilabel_soft_margin_loss"):
    """Binary cross entropy of logits and targets 0 or 1, a mean over the last dimension.

    `[*, C]` and `[*, C]`: with reduction="none", `[*]`. `weight` is stretched to them.
    """

    targets: ClassVar[frozenset[str]] = REAL
    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[*, C], [*, C]", "[]"),
        Shapes("[*, C], [*, C]", "[*]", 'reduction="none"'),
    )
    examples = (
        Example(
            'multilabel_soft_margin_loss(logits, target, reduction="none")',
            "logits: float32[N, 8], target: float32[N, 8]",
            "float32[N]",
        ),
    )

    weight: Input | None = None
    reduction: KeywordReduction = "mean"

    def require_weights(self, shape: Shape) -> None:
        self.require_dtypes(("weight",), _COUNTS)
        self.require_stretches(shape, "weight")

    def reduced(self, shape: Shape, dtype: str) -> Tensor:
        require_dimensions(self.input, self.title)
        return super().reduced(shape[:-1], dtype)

    def result(self) -> str:
        given = (self.input, self.target, self.weight)
        return result_type(*(tensor for tensor in given if tensor is not None))
