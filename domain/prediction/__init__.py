"""One customer: who scores, with what, and the probability."""

from domain.prediction.deciding import Because as Because
from domain.prediction.deciding import Cause as Cause
from domain.prediction.deciding import DecideFlags as DecideFlags
from domain.prediction.deciding import FlagDecision as FlagDecision
from domain.prediction.deciding import undecided as undecided
from domain.prediction.explaining import Contribution as Contribution
from domain.prediction.explaining import Explanation as Explanation
from domain.prediction.explaining import LinearFacts as LinearFacts
from domain.prediction.predict import Observation as Observation
from domain.prediction.predict import PredictPropensity as PredictPropensity
from domain.prediction.predict import check_as_of as check_as_of
from domain.prediction.predict import check_category as check_category
from domain.prediction.propensity import Arm as Arm
from domain.prediction.propensity import Prediction as Prediction
from domain.prediction.propensity import ServedModel as ServedModel
from domain.prediction.scorer import Scorer as Scorer
from domain.prediction.shared_scores import ReadPurchases as ReadPurchases
from domain.prediction.shared_scores import SharedScores as SharedScores
from domain.prediction.traffic import Traffic as Traffic
