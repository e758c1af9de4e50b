"""What the description of a layer of one's own is written with: `class Maxout(Layer)`."""

from netspec.catalogue.annotation import Value as Value
from netspec.catalogue.layer import Example as Example
from netspec.catalogue.layer import Layer as Layer
from netspec.catalogue.layer import Shapes as Shapes
from netspec.catalogue.layer import require_divides as require_divides
from netspec.catalogue.layer import require_positive as require_positive
from netspec.catalogue.layer import require_rank as require_rank
from netspec.catalogue.layer import require_shape as require_shape
from netspec.catalogue.layer import spread as spread
from netspec.catalogue.signature import INFERRED as INFERRED
from netspec.catalogue.signature import KEYWORD as KEYWORD
from netspec.catalogue.signature import InferredInt as InferredInt
from netspec.catalogue.signature import NonNegativeFloat as NonNegativeFloat
from netspec.catalogue.signature import NonNegativeInt as NonNegativeInt
from netspec.catalogue.signature import PositiveFloat as PositiveFloat
from netspec.catalogue.signature import PositiveInt as PositiveInt
from netspec.catalogue.signature import Probability as Probability
from netspec.dim import Dim as Dim
from netspec.dim import divide as divide
from netspec.dim import product as product
from netspec.dim import value_of as value_of
from netspec.misfit import Misfit as Misfit
from netspec.tensor import Shape as Shape
from netspec.tensor import Tensor as Tensor
from netspec.tensor import Type as Type
