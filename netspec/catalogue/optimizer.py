"""Optimisers: classes of torch.optim, less the parameters that they work on."""

from typing import Annotated

from annotated_types import Ge, Lt

from netspec.catalogue.layer import Misfit
from netspec.catalogue.signature import KeywordFlag, NonNegativeFloat, Signature

OPTIMIZERS: dict[str, type["Optimizer"]] = {}
Momentum = Annotated[float, Ge(0), Lt(1)]


class Optimizer(Signature):
    """An optimiser; `check` finds arguments that do not go together."""

    def __init_subclass__(cls) -> None:
        cls.torch = f"torch.optim.{cls.__name__}"
        OPTIMIZERS[cls.__name__] = cls

    def check(self) -> None:
        """Refuse arguments that do not go together.

        Raises:
            Misfit: where torch would raise.
        """


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum where asked for."""

    lr: NonNegativeFloat = 0.001
    momentum: NonNegativeFloat = 0
    dampening: float = 0
    weight_decay: NonNegativeFloat = 0
    nesterov: bool = False
    maximize: KeywordFlag = False

    def check(self) -> None:
        if self.nesterov and (self.momentum <= 0 or self.dampening != 0):
            raise Misfit(
                "nesterov=True wants a momentum and no dampening",
                label=f"momentum is {self.momentum}, dampening {self.dampening}",
                help="write momentum=0.9, say",
                argument="nesterov",
            )


class Adam(Optimizer):
    """Adam (Kingma and Ba, 2015)."""

    lr: NonNegativeFloat = 0.001
    betas: tuple[Momentum, Momentum] = (0.9, 0.999)
    eps: NonNegativeFloat = 1e-08
    weight_decay: NonNegativeFloat = 0
    amsgrad: bool = False


class AdamW(Optimizer):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019)."""

    lr: NonNegativeFloat = 0.001
    betas: tuple[Momentum, Momentum] = (0.9, 0.999)
    eps: NonNegativeFloat = 1e-08
    weight_decay: NonNegativeFloat = 0.01
    amsgrad: bool = False


class RMSprop(Optimizer):
    """RMSprop (Tieleman and Hinton, 2012)."""

    lr: NonNegativeFloat = 0.01
    alpha: NonNegativeFloat = 0.99
    eps: NonNegativeFloat = 1e-08
    weight_decay: NonNegativeFloat = 0
    momentum: NonNegativeFloat = 0
    centered: bool = False


class Adagrad(Optimizer):
    """Adagrad (Duchi et al., 2011)."""

    lr: NonNegativeFloat = 0.01
    lr_decay: NonNegativeFloat = 0
    weight_decay: NonNegativeFloat = 0
    initial_accumulator_value: NonNegativeFloat = 0
    eps: NonNegativeFloat = 1e-10
