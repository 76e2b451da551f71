"""What travels by the Open Inference Protocol, version 2. Source: KServe, "Open Inference Protocol"."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from domain.prediction import ServedModel

FEATURES, PROBABILITY = "features", "probability"
PLATFORM = "propensity"


class InputTensor(Struct, frozen=True, kw_only=True):
    """Numbers in rows: the tensor `features` has one row for each answer."""

    name: str
    shape: Annotated[list[Annotated[int, Meta(ge=0)]], Meta(min_length=2, max_length=2)]
    datatype: Literal["FP64", "FP32", "INT64", "INT32"]
    data: list[Any]
    parameters: dict[str, Any] | UnsetType = UNSET


class RequestedOutput(Struct, frozen=True, kw_only=True):
    """A tensor that is asked for."""

    name: str
    parameters: dict[str, Any] | UnsetType = UNSET


class InferenceRequest(Struct, frozen=True, kw_only=True):
    """Feature vectors to score."""

    inputs: Annotated[list[InputTensor], Meta(min_length=1, max_length=1)]
    id: str | UnsetType = UNSET
    outputs: list[RequestedOutput] | UnsetType = UNSET
    parameters: dict[str, Any] | UnsetType = UNSET


class OutputTensor(Struct, frozen=True, kw_only=True):
    """The tensor `probability`: one number for each row."""

    name: str
    shape: list[int]
    datatype: str
    data: list[float]


class InferenceResponse(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The probabilities, and which version told them."""

    model_name: str
    model_version: str
    outputs: list[OutputTensor]
    id: str | UnsetType = UNSET


class TensorMetadata(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A tensor; -1 is any number of rows. `parameters` name the columns, in their order."""

    name: str
    datatype: str
    shape: list[int]
    parameters: dict[str, list[str]] | UnsetType = UNSET


class ModelMetadata(Struct, frozen=True, kw_only=True):
    """A model, its versions that are loaded here, and its tensors."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]

    @classmethod
    def of(cls, model: ServedModel, versions: list[int]) -> "ModelMetadata":
        """What a version takes and gives."""
        names = list(model.features.names)
        return cls(
            name=model.name,
            versions=[str(version) for version in versions],
            platform=PLATFORM,
            inputs=[
                TensorMetadata(
                    name=FEATURES,
                    datatype="FP64",
                    shape=[-1, len(names)],
                    parameters={"names": names},
                )
            ],
            outputs=[TensorMetadata(name=PROBABILITY, datatype="FP64", shape=[-1])],
        )


class ServerMetadata(Struct, frozen=True, kw_only=True):
    """This server."""

    name: str
    version: str
    extensions: list[str]


class ServerLive(Struct, frozen=True, kw_only=True):
    """Whether the server answers."""

    live: bool


class ServerReady(Struct, frozen=True, kw_only=True):
    """Whether every model that is asked about can score."""

    ready: bool


class ModelReady(Struct, frozen=True, kw_only=True):
    """Whether a model can score."""

    name: str
    ready: bool


class InferenceError(Struct, frozen=True, kw_only=True):
    """Why there is no answer."""

    error: str
