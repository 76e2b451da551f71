"""Metrics that rules and panels know, and that no class of the room registers from the start.

Who builds one takes it out of this list, unless it is registered late, as histograms of features are.
"""

AGREED: dict[str, set[str]] = {
    "propensity_feature_values": {"model", "version", "feature", "le"},
    "propensity_feature_missing_total": {"model", "version", "feature"},
    "propensity_predictions_empty_history_total": {"model", "version"},
    "propensity_drift_population_stability": {"model", "version", "input"},
    "propensity_drift_jensen_shannon_distance": {"model", "version", "input"},
    "propensity_drift_missing_difference": {"model", "version", "input"},
    "propensity_drift_customers": {"model", "version"},
    "propensity_drift_threshold": {"model", "version", "input", "measure"},
    "propensity_drift_alarm": {"model", "version"},
    "propensity_decisions_logged_total": {"route"},
    "propensity_decisions_dropped_total": set(),
    "propensity_decision_log_write_failures_total": set(),
    "propensity_decisions_waiting": set(),
}
