"""Training sets that go out, and models fitted on them that come in."""

import json
import pickle
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow.parquet as pq
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from adapters.candidate_folder import read_candidate
from adapters.feature_sets import built_in_sets
from adapters.scorers.onnx import OnnxScorer
from adapters.training.files import read_training_set, write_training_set
from adapters.training.onnx_export import export
from adapters.training.packaging import package
from domain.errors import Rejected
from domain.features import Histories
from domain.purchases import Purchase
from domain.training import TrainingSet, training_set
from model_registry.versions import Candidate
from tests.builders import DAY, JPY, NOW, USD, a_purchase


def a_market(customers: int = 60) -> list[list[Purchase]]:
    """Half buy every ten days and more each time, in two categories; half bought once long ago."""
    return [
        [
            a_purchase(
                customer_id=f"c{customer}",
                purchase_id=f"p{step}",
                purchased_at=NOW - step * 10 * DAY - customer,
                category=("shoes", "shirts")[step % 2],
                amount_minor=1_000 + 13 * customer,
            )
            for step in (range(30) if customer % 2 else (29,))
        ]
        for customer in range(customers)
    ]


def exported(folder: Path, name: str) -> tuple[Path, TrainingSet]:
    histories = Histories.of(a_market())
    found = training_set(
        histories,
        features=built_in_sets()[name].in_currency(USD),
        horizon_us=30 * DAY,
        most_cut_offs=3,
    )
    path = folder / "training.parquet"
    assert write_training_set(path, found, histories.customer_ids) == len(found.training) + len(
        found.held_out
    )
    return path, found


def fitted(path: Path) -> Any:
    table = pq.read_table(path).to_pandas()
    names = [name for name in table.columns if name not in NOT_FEATURES]
    rows = table[table.split == "training"]
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(
        rows[names].to_numpy(), rows.label
    )


NOT_FEATURES = ("customer_id", "cut_off", "category", "label", "split")


def packaged(model: Path, data: Path, folder: Path) -> Candidate:
    package(model, read_training_set(data), folder, build=OnnxScorer.build)
    return read_candidate(folder, USD, built_in_sets())


@pytest.mark.parametrize("name", ["lifetime", "within_category"])
def test_every_row_goes_out_to_the_last_bit(tmp_path: Path, name: str) -> None:
    path, examples = exported(tmp_path, name)
    table = pq.read_table(path).to_pandas()
    held_out = table[table.split == "held_out"]
    names = list(examples.features.names)
    assert [each for each in table.columns if each not in NOT_FEATURES] == names
    assert np.array_equal(held_out[names].to_numpy(), examples.held_out.matrix)
    assert np.array_equal(
        table[table.split == "training"][names].to_numpy(), examples.training.matrix
    )
    assert held_out.label.tolist() == examples.held_out.labels.tolist()
    assert {str(each) for each in held_out.cut_off} == {"2026-01-30 11:59:59.999999+00:00"}
    first = held_out.iloc[0]
    history = next(each for each in a_market() if each[0].customer_id == first.customer_id)
    target = first.category if examples.features.targeted else None
    online = examples.features.matrix(
        Histories.of([history]), examples.cut_offs.held_out, target=target
    )
    assert online[0].tolist() == first[names].tolist()


def test_a_pipeline_comes_in_as_a_skops_file_with_proof(tmp_path: Path) -> None:
    data, examples = exported(tmp_path, "lifetime")
    pipeline = fitted(data)
    skops.io.dump(pipeline, tmp_path / "model.skops")
    candidate = packaged(tmp_path / "model.skops", data, tmp_path / "candidate")
    assert candidate.features == examples.features
    assert candidate.held_out is not None
    assert candidate.held_out.asked == examples.held_out_sha256
    assert candidate.reference is not None
    assert candidate.reference.customers == len(set(examples.held_out.customer.tolist()))
    scorer = OnnxScorer.build(candidate.scorer_options, candidate.blobs)
    expected = pipeline.predict_proba(candidate.golden.matrix)[:, 1]
    assert np.abs(scorer.score(candidate.golden.matrix) - expected).max() <= 1e-6
    assert {"auc", "log_loss", "brier", "ece"} <= candidate.intervals.keys()


def test_a_model_within_categories_comes_in_with_its_categories(tmp_path: Path) -> None:
    data, examples = exported(tmp_path, "within_category")
    skops.io.dump(fitted(data), tmp_path / "model.skops")
    candidate = packaged(tmp_path / "model.skops", data, tmp_path / "candidate")
    assert candidate.features == examples.features
    assert candidate.held_out is not None
    assert candidate.held_out.category is not None
    assert len(set(candidate.held_out.category.tolist())) == 2


@pytest.mark.parametrize("flavour", ["skops", "onnx"])
def test_an_mlflow_folder_comes_in(tmp_path: Path, flavour: str) -> None:
    data, examples = exported(tmp_path, "rfm_90d")
    folder = tmp_path / "mlflow"
    folder.mkdir()
    pipeline = fitted(data)
    if flavour == "skops":
        skops.io.dump(pipeline, folder / "model.skops")
        flavours: dict[str, Any] = {
            "sklearn": {"pickled_model": "model.skops", "serialization_format": "skops"}
        }
    else:
        (folder / "model.onnx").write_bytes(export(pipeline, width=len(examples.features.names)))
        flavours = {"onnx": {"data": "model.onnx"}}
    (folder / "MLmodel").write_bytes(msgspec.yaml.encode({"flavors": flavours}))
    candidate = packaged(folder, data, tmp_path / "candidate")
    assert candidate.metrics["auc"] > 0.9


@pytest.mark.parametrize(
    ("flavours", "told"),
    [
        ({"sklearn": {"pickled_model": "m.pkl", "serialization_format": "cloudpickle"}}, "skops"),
        ({"sklearn": {"pickled_model": "m.pkl"}}, "skops"),
        ({"python_function": {}}, "skops"),
        ({"onnx": {"data": "../../etc/passwd"}}, "outside"),
    ],
)
def test_an_mlflow_folder_that_might_run_code_is_refused(
    tmp_path: Path, flavours: dict[str, Any], told: str
) -> None:
    data, _ = exported(tmp_path, "rfm_90d")
    folder = tmp_path / "mlflow"
    folder.mkdir()
    (folder / "MLmodel").write_bytes(msgspec.yaml.encode({"flavors": flavours}))
    with pytest.raises(Rejected, match=told):
        packaged(folder, data, tmp_path / "candidate")
    assert not (tmp_path / "candidate").exists()


def test_types_of_a_skops_file_are_taken_by_our_list_alone(tmp_path: Path) -> None:
    data, _ = exported(tmp_path, "rfm_90d")
    path = tmp_path / "model.skops"
    skops.io.dump(make_pipeline(FunctionTransformer(print), LogisticRegression()), path)
    with pytest.raises(Rejected, match=r"print|not taken"):
        packaged(path, data, tmp_path / "candidate")


@pytest.mark.parametrize("name", ["model.pkl", "model.joblib", "model.skops", "model.onnx"])
def test_a_pickle_is_never_read_whatever_its_name(tmp_path: Path, name: str) -> None:
    data, _ = exported(tmp_path, "rfm_90d")
    (tmp_path / name).write_bytes(pickle.dumps(Trap()))
    with pytest.raises(Rejected):
        packaged(tmp_path / name, data, tmp_path / "candidate")


class Trap:
    """Fails the test that unpickles it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return pytest.fail, ("it was unpickled",)


def test_a_model_of_other_features_is_refused(tmp_path: Path) -> None:
    data, _ = exported(tmp_path, "rfm_90d")
    narrow = LogisticRegression().fit(np.array([[0.0], [1.0]]), [0, 1])
    skops.io.dump(narrow, tmp_path / "model.skops")
    with pytest.raises(Rejected, match="features"):
        packaged(tmp_path / "model.skops", data, tmp_path / "candidate")


def test_a_file_that_is_no_training_set_is_refused(tmp_path: Path) -> None:
    data, _ = exported(tmp_path, "rfm_90d")
    bare = pq.read_table(data).replace_schema_metadata({})
    pq.write_table(bare, data)
    with pytest.raises(Rejected, match="training set"):
        read_training_set(data)
    data.write_bytes(b"PAR1")
    with pytest.raises(Rejected):
        read_training_set(data)


def test_a_candidate_in_another_currency_is_refused(tmp_path: Path) -> None:
    data, _ = exported(tmp_path, "lifetime")
    skops.io.dump(fitted(data), tmp_path / "model.skops")
    packaged(tmp_path / "model.skops", data, tmp_path / "candidate")
    with pytest.raises(Rejected, match=r"USD.*JPY"):
        read_candidate(tmp_path / "candidate", JPY, built_in_sets())
    path = tmp_path / "candidate" / "candidate.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"features": {"semantics": 0}}))
    with pytest.raises(Rejected, match="semantics"):
        read_candidate(tmp_path / "candidate", USD, built_in_sets())
