"""Asks a server over the Open Inference Protocol with NVIDIA's client; prints what it was told."""

import json
import sys

import numpy as np
import tritonclient.http as triton


def main() -> None:
    """Metadata, readiness and one inference, by the champion and by a version that is named."""
    address, token, model = sys.argv[1:]
    key = {"Authorization": f"Bearer {token}"}
    client = triton.InferenceServerClient(address.removeprefix("http://"))
    features = triton.InferInput("features", [2, 1], "FP64")
    features.set_data_from_numpy(np.array([[3.0], [0.0]]), binary_data=False)
    answers = [
        client.infer(model, [features], headers=key, model_version=version, request_id="r-1")
        for version in ("", "7")
    ]
    try:
        client.infer(model, [features], headers=key, model_version="8")
    except triton.InferenceServerException as exc:
        refused = str(exc)
    else:
        refused = ""
    print(  # noqa: T201  # for the test that runs this
        json.dumps(
            {
                "live": client.is_server_live(),
                "ready": client.is_server_ready() and client.is_model_ready(model, headers=key),
                "server": client.get_server_metadata(headers=key),
                "model": client.get_model_metadata(model, headers=key),
                "scores": [answer.as_numpy("probability").tolist() for answer in answers],
                "response": answers[0].get_response(),
                "refused": refused,
            }
        )
    )


if __name__ == "__main__":
    main()
