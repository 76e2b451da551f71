"""Training sets: a fair sample of customers, features at past dates, labels after them."""

from domain.training.sampling import CollectHistories
from domain.training.training_set import Examples, TrainingSet, training_set

__all__ = ["CollectHistories", "Examples", "TrainingSet", "training_set"]
