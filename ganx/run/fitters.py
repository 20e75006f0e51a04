"""How a method comes to what it knows, by what it defines (`MethodSpec.fitter`)."""

from __future__ import annotations

from ganx.run.best import Blend
from ganx.run.chain import Chain
from ganx.run.context import Fitter
from ganx.run.estimator import Estimator
from ganx.run.experiment import Experiment
from ganx.run.gradient import Gradient

FITTERS: dict[str, Fitter] = {
    "gradient": Gradient(),
    "estimator": Estimator(),
    "chain": Chain(),
    "blend": Blend(),
}


def fitter_of(experiment: Experiment) -> Fitter:
    """Return the fitter of an experiment's method."""
    return FITTERS[experiment.spec.fitter]
