"""Optimisers: classes of torch.optim, less the parameters that they work on."""

from collections.abc import Collection, Mapping
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Gt, Le, Lt

from netspec.catalogue.layer import Misfit
from netspec.catalogue.signature import (
    KEYWORD,
    FiniteNonNegativeFloat,
    FinitePositiveFloat,
    KeywordFlag,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    Signature,
)
from netspec.tensor import Shape, write_shape

OPTIMIZERS: dict[str, type["Optimizer"]] = {}
Momentum = Annotated[float, Ge(0), Lt(1)]
Betas = tuple[Momentum, Momentum]
Choice = bool | None
KeywordChoice = Annotated[bool | None, KEYWORD]


class Optimizer(Signature):
    """An optimiser; `check` and `check_parameters` find what it refuses.

    `closure`: its step computes the loss anew, several times, by a function that it is given, and
    it takes all parameters alike, without groups. `sparse`: it can take sparse gradients, as those
    of `Embedding(…, sparse=True)`.
    """

    closure: ClassVar[bool] = False
    sparse: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        cls.torch = f"torch.optim.{cls.__name__}"
        OPTIMIZERS[cls.__name__] = cls

    def check(self) -> None:
        """Refuse arguments that do not go together.

        Raises:
            Misfit: where torch would raise, when it is made or at its first steps.
        """
        if self.given.get("fused") and self.given.get("foreach"):
            raise Misfit(
                "`fused=True` and `foreach=True` do not go together",
                label="two ways to do the same step",
                help="leave `foreach` out",
                argument="foreach",
            )

    def check_parameters(self, shapes: Mapping[str, Shape], sparse: Collection[str]) -> None:
        """Refuse parameters that it cannot work on.

        `shapes`: all parameters that it is given, by name; `sparse`: those with sparse gradients.

        Raises:
            Misfit: where torch would raise, when it is made or at its first steps.
        """
        title = type(self).__name__
        if not shapes:
            raise Misfit(
                f"`{title}` has nothing to optimise",
                label="there are no parameters",
                help="train a net that has parameters which are not frozen",
            )
        name = next((name for name in shapes if name in sparse), None)
        if name is None:
            return
        if not self.sparse:
            raise Misfit(
                f"`{title}` does not take sparse gradients, which `{name}` has",
                label=f"`{name}` has a sparse gradient",
                help=f"leave `sparse=True` out where `{name}` is made, or use `SGD`, `Adagrad` or "
                "`SparseAdam`",
            )
        for argument in ("weight_decay", "fused"):
            if self.given.get(argument):
                raise Misfit(
                    f"`{argument}` of `{title}` does not go with sparse gradients, which `{name}` "
                    "has",
                    label=f"`{name}` has a sparse gradient",
                    help=f"leave `{argument}` out, or `sparse=True` where `{name}` is made",
                    argument=argument,
                )


class ASGD(Optimizer):
    """Averaged stochastic gradient descent (Polyak and Juditsky, 1992)."""

    lr: FiniteNonNegativeFloat = 0.01
    lambd: NonNegativeFloat = 0.0001
    alpha: float = 0.75
    t0: float = 1000000.0
    weight_decay: NonNegativeFloat = 0
    foreach: Choice = None
    maximize: bool = False


class Adadelta(Optimizer):
    """Adadelta (Zeiler, 2012): steps scaled by running means of gradients and of steps."""

    lr: FiniteNonNegativeFloat = 1.0
    rho: Annotated[float, Ge(0), Le(1)] = 0.9
    eps: NonNegativeFloat = 1e-06
    weight_decay: NonNegativeFloat = 0
    foreach: Choice = None
    maximize: KeywordFlag = False


class Adafactor(Optimizer):
    """Adafactor (Shazeer and Stern, 2018): second moments of a matrix by its rows and columns.

    `lr` is the least of it and 1 / √step, scaled by the size of the parameter.
    """

    lr: FiniteNonNegativeFloat = 0.01
    beta2_decay: Annotated[float, Le(0)] = -0.8
    eps: tuple[NonNegativeFloat | None, NonNegativeFloat] = (None, 0.001)
    d: Annotated[float, Ge(1)] = 1.0
    weight_decay: NonNegativeFloat = 0.0
    foreach: KeywordChoice = None
    maximize: KeywordFlag = False


class Adagrad(Optimizer):
    """Adagrad (Duchi et al., 2011): steps scaled by the sum of all squared gradients so far."""

    sparse: ClassVar[bool] = True

    lr: FiniteNonNegativeFloat = 0.01
    lr_decay: NonNegativeFloat = 0
    weight_decay: NonNegativeFloat = 0
    initial_accumulator_value: NonNegativeFloat = 0
    eps: NonNegativeFloat = 1e-10
    foreach: Choice = None
    maximize: KeywordFlag = False
    fused: KeywordChoice = None


class Adam(Optimizer):
    """Adam (Kingma and Ba, 2015)."""

    lr: FiniteNonNegativeFloat = 0.001
    betas: Betas = (0.9, 0.999)
    eps: NonNegativeFloat = 1e-08
    weight_decay: NonNegativeFloat = 0
    amsgrad: bool = False
    foreach: KeywordChoice = None
    maximize: KeywordFlag = False
    fused: KeywordChoice = None
    decoupled_weight_decay: KeywordFlag = False

    def check(self) -> None:
        super().check()
        _require_fractions("Adam", self.betas)


class AdamW(Optimizer):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019)."""

    lr: FiniteNonNegativeFloat = 0.001
    betas: Betas = (0.9, 0.999)
    eps: NonNegativeFloat = 1e-08
    weight_decay: NonNegativeFloat = 0.01
    amsgrad: bool = False
    maximize: KeywordFlag = False
    foreach: KeywordChoice = None
    fused: KeywordChoice = None

    def check(self) -> None:
        super().check()
        _require_fractions("AdamW", self.betas)


def _require_fractions(title: str, betas: Betas) -> None:
    if not all(isinstance(beta, float) for beta in betas):
        raise Misfit(
            f"`betas` of `{title}` must have fractions, found {betas}",
            label="torch does not take an integer here",
            help=f"write {tuple(map(float, betas))}",
            argument="betas",
        )


class Adamax(Optimizer):
    """Adam scaled by the largest gradient instead of the squared mean (Kingma and Ba, 2015)."""

    lr: FiniteNonNegativeFloat = 0.002
    betas: Betas = (0.9, 0.999)
    eps: NonNegativeFloat = 1e-08
    weight_decay: NonNegativeFloat = 0
    foreach: Choice = None
    maximize: KeywordFlag = False


class LBFGS(Optimizer):
    """L-BFGS (Liu and Nocedal, 1989): each step is up to `max_iter` steps of its own.

    It computes the loss up to `max_eval` times in a step, by default 5 / 4 of `max_iter`.
    """

    closure: ClassVar[bool] = True
    sparse: ClassVar[bool] = True

    lr: FiniteNonNegativeFloat = 1
    max_iter: int = 20
    max_eval: int | None = None
    tolerance_grad: float = 1e-07
    tolerance_change: float = 1e-09
    history_size: PositiveInt = 100
    line_search_fn: Literal["strong_wolfe"] | None = None

    def check(self) -> None:
        super().check()
        if self.line_search_fn is None or self.max_iter < 1:
            return
        if self.max_eval is not None and self.max_eval < 1:
            raise Misfit(
                f"the line search of `LBFGS` wants `max_eval` of at least 1, found {self.max_eval}",
                label="it cannot compute the loss once",
                help="leave `max_eval` out",
                argument="max_eval",
            )
        if self.lr == 0:
            raise Misfit(
                "the line search of `LBFGS` cannot begin with a step of 0",
                label="it divides by the length of a step",
                help="write lr=1, where it is to begin",
                argument="lr",
            )


class Muon(Optimizer):
    """Muon (Jordan et al., 2024): momentum, made orthogonal by Newton-Schulz iterations.

    For the matrices of hidden layers; biases, norms and embeddings are left to another optimiser.
    """

    lr: FiniteNonNegativeFloat = 0.001
    weight_decay: NonNegativeFloat = 0.1
    momentum: NonNegativeFloat = 0.95
    nesterov: bool = True
    ns_coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315)
    eps: float = 1e-07
    ns_steps: Annotated[int, Lt(100)] = 5
    adjust_lr_fn: Literal["original", "match_rms_adamw"] | None = None

    def check_parameters(self, shapes: Mapping[str, Shape], sparse: Collection[str]) -> None:
        super().check_parameters(shapes, sparse)
        name = next((name for name, shape in shapes.items() if len(shape) != 2), None)
        if name is not None:
            raise Misfit(
                f"`Muon` takes matrices only, and `{name}` is {write_shape(shapes[name])}",
                label=f"`{name}` is no matrix",
                help="give the parameters that are no matrices to another optimiser, as `AdamW`",
            )


class NAdam(Optimizer):
    """Adam with Nesterov momentum (Dozat, 2016)."""

    lr: FiniteNonNegativeFloat = 0.002
    betas: Betas = (0.9, 0.999)
    eps: NonNegativeFloat = 1e-08
    weight_decay: NonNegativeFloat = 0
    momentum_decay: NonNegativeFloat = 0.004
    decoupled_weight_decay: bool = False
    foreach: KeywordChoice = None
    maximize: KeywordFlag = False


class RAdam(Optimizer):
    """Adam that waits until its second moment is reliable (Liu et al., 2020)."""

    lr: FiniteNonNegativeFloat = 0.001
    betas: Betas = (0.9, 0.999)
    eps: NonNegativeFloat = 1e-08
    weight_decay: NonNegativeFloat = 0
    decoupled_weight_decay: bool = False
    foreach: KeywordChoice = None
    maximize: KeywordFlag = False


class RMSprop(Optimizer):
    """RMSprop (Tieleman and Hinton, 2012)."""

    lr: FiniteNonNegativeFloat = 0.01
    alpha: NonNegativeFloat = 0.99
    eps: NonNegativeFloat = 1e-08
    weight_decay: NonNegativeFloat = 0
    momentum: NonNegativeFloat = 0
    centered: bool = False
    foreach: KeywordChoice = None
    maximize: KeywordFlag = False


class Rprop(Optimizer):
    """Resilient backpropagation (Riedmiller and Braun, 1993), for steps on all of the data.

    Each number has a step size of its own, from `step_sizes[0]` to `step_sizes[1]`: times
    `etas[0]` where its gradient changes sign, else times `etas[1]`.
    """

    lr: FiniteNonNegativeFloat = 0.01
    etas: tuple[Annotated[float, Gt(0), Lt(1)], Annotated[float, Gt(1)]] = (0.5, 1.2)
    step_sizes: tuple[float, float] = (1e-06, 50)
    foreach: KeywordChoice = None
    maximize: KeywordFlag = False


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum where asked for."""

    sparse: ClassVar[bool] = True

    lr: FiniteNonNegativeFloat = 0.001
    momentum: NonNegativeFloat = 0
    dampening: float = 0
    weight_decay: NonNegativeFloat = 0
    nesterov: bool = False
    maximize: KeywordFlag = False
    foreach: KeywordChoice = None
    fused: KeywordChoice = None

    def check(self) -> None:
        super().check()
        if self.nesterov and (self.momentum <= 0 or self.dampening != 0):
            raise Misfit(
                "nesterov=True wants a momentum and no dampening",
                label=f"momentum is {self.momentum}, dampening {self.dampening}",
                help="write momentum=0.9, say",
                argument="nesterov",
            )


class SparseAdam(Optimizer):
    """Adam for sparse gradients: only rows that a batch names move, and their moments with them.

    It takes nothing else: the weights of `Embedding(…, sparse=True)`.
    """

    sparse: ClassVar[bool] = True

    lr: FinitePositiveFloat = 0.001
    betas: Betas = (0.9, 0.999)
    eps: PositiveFloat = 1e-08
    maximize: bool = False

    def check_parameters(self, shapes: Mapping[str, Shape], sparse: Collection[str]) -> None:
        super().check_parameters(shapes, sparse)
        name = next((name for name in shapes if name not in sparse), None)
        if name is not None:
            raise Misfit(
                f"`SparseAdam` takes sparse gradients only, and that of `{name}` is dense",
                label=f"`{name}` has a dense gradient",
                help="give it the weights of `Embedding(…, sparse=True)`, and the others to `Adam`",
            )
