"""Training sets: a fair sample of customers, features at past dates, labels after them."""

from domain.training.fair_sample import FairSample as FairSample
from domain.training.sampling import CollectHistories as CollectHistories
from domain.training.sampling import place_of as place_of
from domain.training.segments import segments_at as segments_at
from domain.training.selection import FeatureTrial as FeatureTrial
from domain.training.selection import Selection as Selection
from domain.training.training_set import Examples as Examples
from domain.training.training_set import TrainingSet as TrainingSet
from domain.training.training_set import bought_within as bought_within
from domain.training.training_set import training_set as training_set
