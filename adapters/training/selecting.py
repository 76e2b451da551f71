"""Select features and penalty by cross-validated log loss, on training cut-offs alone.

The held-out cut-off takes no part. All rows of a customer are in one fold: else a model would be
judged on customers it knows.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from adapters.training.fitting import check_extra, fit, probabilities_of
from domain.errors import TrainingRefused
from domain.features import Combination, Feature, FeatureSet, Shape, Transform
from domain.training import Examples, FeatureTrial, Selection, TrainingSet
from model_registry.evaluation import log_losses

FOLDS = 5
PENALTIES = (0.01, 0.1, 1.0, 10.0)
"""The values of C that are tried; a lower one is a stronger penalty."""
USUAL_PENALTY = 1.0
MOST_ROWS = 50_000
"""Rows that are learnt from while choosing; the model itself learns from all."""


def select(candidates: Mapping[str, TrainingSet], /) -> Selection:
    """The feature set of those, and then the penalty, with the least cross-validated log loss.

    The candidates have the same customers and cut-offs.

    Raises:
        TrainingRefused: the extra `train` is not installed, or too few customers bought.
    """
    check_extra()
    trials: list[FeatureTrial] = []
    if len(candidates) > 1:
        trials += _all_tried((name, each, USUAL_PENALTY) for name, each in candidates.items())
        name = min(trials, key=lambda trial: trial.log_loss).name
    else:
        (name,) = candidates
    known = {trial.c for trial in trials if trial.name == name}
    trials += _all_tried(
        ((name, candidates[name], c) for c in PENALTIES if c not in known), enough=bool(known)
    )
    best = min((t for t in trials if t.name == name), key=lambda trial: (trial.log_loss, trial.c))
    return Selection(name=name, training_set=candidates[name], c=best.c, trials=trials)


def logged(features: FeatureSet) -> FeatureSet:
    """The set with log1p of every feature that can have it and has no transform yet."""
    return replace(features, features=tuple(map(_logged, features.features)))


def _logged(feature: Feature | Combination) -> Feature | Combination:
    if feature.shape.transform is not None or feature.least < 0:
        return feature
    return replace(feature, shape=Shape(feature.shape.clip, Transform.LOG1P))


def _all_tried(
    choices: Iterable[tuple[str, TrainingSet, float]], *, enough: bool = False
) -> list[FeatureTrial]:
    """The trials of these, without any that the library warned of, as of one that did not converge.

    Raises:
        TrainingRefused: it warned of all of them, and there are not `enough` others.
    """
    found: list[FeatureTrial] = []
    refusal: TrainingRefused | None = None
    for choice in choices:
        try:
            found.append(_tried(*choice))
        except TrainingRefused as exc:
            if exc.field != "training":
                raise
            refusal = exc
    if refusal is not None and not found and not enough:
        raise refusal
    return found


def _tried(name: str, training_set: TrainingSet, c: float) -> FeatureTrial:
    examples = _some_of(training_set.training)
    losses = [
        log_losses(
            examples.labels[test],
            probabilities_of(fit(examples.rows(~test), c=c), examples.matrix[test]),
        )
        for test in _folds(examples)
    ]
    return FeatureTrial(name, c, float(np.concatenate(losses).mean()))


def _some_of(examples: Examples) -> Examples:
    """All rows of as many customers as make up the most rows; customers come in a drawn order."""
    if len(examples) <= MOST_ROWS:
        return examples
    newest = np.sort(examples.customer)[MOST_ROWS]
    return examples.rows(examples.customer < newest)


def _folds(examples: Examples) -> Iterator[NDArray[np.bool_]]:
    for fold in range(FOLDS):
        test = examples.customer % FOLDS == fold
        for rows, part in ((test, "one of"), (~test, "the others of")):
            if len(np.unique(examples.labels[rows])) < 2:  # noqa: PLR2004  # who buys, who does not
                raise TrainingRefused(
                    "training examples",
                    f"{part} {FOLDS} parts has only customers who buy, or only who do not; more "
                    "customers are needed",
                )
        yield test
