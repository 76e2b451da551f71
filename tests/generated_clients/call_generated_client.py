"""Calls every operation through the client that openapi-generator wrote; prints each status."""

import importlib
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from call_python_client import ARGUMENTS, BODIES  # type: ignore[import-not-found]  # beside this


def main() -> None:
    """Each operation once, in the order of the document."""
    generated: Any = importlib.import_module("generated_client")
    configuration = generated.Configuration(host=sys.argv[1], access_token=sys.argv[2])
    document = json.loads(Path("openapi.json").read_text())
    statuses: dict[str, int] = {}
    with generated.ApiClient(configuration) as client:
        for of_path in document["paths"].values():
            for operation in of_path.values():
                called = operation["operationId"]
                name = "".join(f"_{c.lower()}" if c.isupper() else c for c in called)
                (tag,) = operation["tags"]
                api = getattr(generated, f"{tag.title()}Api")(client)
                arguments: dict[str, Any] = dict(ARGUMENTS.get(name, {}))
                if name in BODIES:
                    model, body = BODIES[name]
                    key = "".join(f"_{c.lower()}" if c.isupper() else c for c in model)[1:]
                    arguments[key] = getattr(generated, model).from_dict(body)
                if "If-Match" in json.dumps(operation.get("parameters", [])):
                    arguments["if_match"] = "*"
                statuses[called] = status_of(
                    generated, getattr(api, f"{name}_with_http_info"), arguments
                )
    print(json.dumps(statuses))  # noqa: T201  # read by the test


def status_of(generated: Any, call: Any, arguments: dict[str, Any]) -> int:
    """The status that the server answered, whatever it was."""
    try:
        return int(call(**arguments).status_code)
    except generated.ApiException as exc:
        return int(exc.status)


if __name__ == "__main__":
    main()
