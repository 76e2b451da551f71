"""One customer: who scores, with what, and the probability."""

from domain.prediction.predict import Observation, PredictPropensity, check_as_of
from domain.prediction.propensity import Arm, Prediction, ServedModel
from domain.prediction.scorer import Scorer
from domain.prediction.traffic import Traffic

__all__ = [
    "Arm",
    "Observation",
    "PredictPropensity",
    "Prediction",
    "Scorer",
    "ServedModel",
    "Traffic",
    "check_as_of",
]
