"""Calls every operation through the client that openapi-python-client wrote; prints each status."""

import importlib
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path.cwd()))

IDS: dict[str, object] = {"customer_id": "c-1", "purchase_id": "p-1"}
MONEY: dict[str, object] = {"amount_minor": 500, "currency": "USD"}
BODIES: dict[str, tuple[str, dict[str, object]]] = {
    "record_purchases": (
        "PurchasesToRecord",
        {
            "purchases": [
                IDS | MONEY | {"purchased_at": "2026-02-01T10:00:00Z", "category": "rings"}
            ]
        },
    ),
    "refund_purchase": (
        "PurchaseToRefund",
        IDS | MONEY | {"refund_id": "r-1", "refunded_at": "2026-02-02T10:00:00Z"},
    ),
    "cancel_purchase": ("PurchaseToCancel", IDS),
    "erase_customer": ("CustomerToErase", {"customer_id": "c-1"}),
    "promote_version": ("Promotion", {"version": 1, "reason": "why"}),
    "roll_back": ("Rollback", {"reason": "why"}),
    "split_traffic": ("SplitWanted", {"version": 1, "basis_points": 100, "reason": "why"}),
    "shadow_versions": ("ShadowsWanted", {"versions": [1], "reason": "why"}),
    "create_campaign": ("NewCampaign", {"name": "spring", "category": "rings"}),
    "mark_campaign_sent": ("CampaignSent", {}),
    "delete_campaign": ("CampaignToDelete", {"confirm": "spring"}),
    "create_key": ("NewKey", {"actor": "shop", "scopes": ["decide"]}),
    "rotate_key": ("Rotation", {"overlap_s": 60}),
    "evaluate_flag": ("EvaluationRequest", {"context": {"targetingKey": "c-1"}}),
    "evaluate_flags": ("EvaluationRequest", {"context": {"targetingKey": "c-1"}}),
}
CAMPAIGN = ("show_campaign", "show_campaign_results", "mark_campaign_sent", "delete_campaign")
MODELS = ("promote_version", "roll_back", "split_traffic", "shadow_versions")
ARGUMENTS: dict[str, dict[str, object]] = {
    "get_propensity": {"customer_id": "c-1"},
    "list_propensities": {"category": "rings"},
    "show_version": {"name": "m", "version": 1},
    **{name: {"name": "spring"} for name in CAMPAIGN},
    **{name: {"name": "m"} for name in ("list_revisions", "get_model_status", *MODELS)},
    **{name: {"key_id": "000000000abc"} for name in ("rotate_key", "revoke_key")},
    "preview_campaign_power": {"members": 8_000, "rate": 0.05},
    **{name: {"key": "promotion-banner"} for name in ("evaluate_flag", "show_flag_results")},
}


def main() -> None:
    """Each operation once, in the order of the document."""
    address, token = sys.argv[1:]
    package, models = (importlib.import_module(name) for name in ("client", "client.models"))
    client = package.AuthenticatedClient(base_url=address, token=token)
    document = json.loads(Path("openapi.json").read_text())
    statuses: dict[str, int] = {}
    for of_path in document["paths"].values():
        for operation in of_path.values():
            called = operation["operationId"]
            name = "".join(f"_{c.lower()}" if c.isupper() else c for c in called)
            (tag,) = operation["tags"]
            module = importlib.import_module(f"client.api.{tag}.{name}")
            arguments = dict(ARGUMENTS.get(name, {}))
            if name in BODIES:
                model, body = BODIES[name]
                arguments["body"] = getattr(models, model).from_dict(body)
            if "If-Match" in json.dumps(operation.get("parameters", [])):
                arguments["if_match"] = "*"
            statuses[called] = int(module.sync_detailed(client=client, **arguments).status_code)
    print(json.dumps(statuses))  # noqa: T201  # read by the test


if __name__ == "__main__":
    main()
