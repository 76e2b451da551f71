"""The templates say what the code says: tables, queues, settings, times."""

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from random import Random
from string import ascii_letters, digits
from typing import Any

import pytest

from adapters.decision_log.writing import STOP_WITHIN_S
from adapters.dynamodb.schema.models import CategoryRow, KeyRow, PurchaseRow, RecentRow
from adapters.dynamodb.tables import declaration, shape
from adapters.sqs import MOST_RECEIVES, RETENTION_S
from api.process import Settings
from api.process.settings import random_key
from api.queue.worker import DRAIN_S, WAIT_S
from tests.deploy.templates import DEPLOY, SERVICE, STORE, resources, template

TABLES: dict[str, type[Any]] = {
    "PurchasesTable": PurchaseRow,
    "RecentPurchasesTable": RecentRow,
    "CategoriesTable": CategoryRow,
    "KeysTable": KeyRow,
}
DEFAULTS = Settings()


@pytest.mark.parametrize("path", [STORE, SERVICE], ids=lambda path: path.name)
def test_a_template_is_short_enough_to_be_sent_without_a_bucket(path: Path) -> None:
    assert path.stat().st_size <= 51_200  # AWS, CloudFormation quotas


def test_the_tables_are_those_of_the_models() -> None:
    found = resources(STORE, "AWS::DynamoDB::Table")
    assert set(found) == set(TABLES)
    for name, model in TABLES.items():
        assert shape(found[name]) == shape(declaration(model))
        table_name = {"Fn::Sub": f"${{TablePrefix}}{model.Meta.table_name}"}
        assert found[name]["TableName"] == table_name
        assert found[name]["BillingMode"] == model.Meta.billing_mode


def test_ttl_is_that_of_the_models_and_of_a_retention_that_is_set() -> None:
    found = resources(STORE, "AWS::DynamoDB::Table")
    ttl = {name: table.get("TimeToLiveSpecification") for name, table in found.items()}
    enabled = {"AttributeName": RecentRow.expires_at.attr_name, "Enabled": True}
    assert ttl == {
        "PurchasesTable": {
            "Fn::If": [
                "RetentionIsSet",
                {"AttributeName": PurchaseRow.expires_at.attr_name, "Enabled": True},
                {"Ref": "AWS::NoValue"},
            ]
        },
        "RecentPurchasesTable": enabled,
        "CategoriesTable": None,
        "KeysTable": None,
    }


@pytest.mark.parametrize("name", TABLES)
def test_no_table_is_lost_by_a_slip(name: str) -> None:
    table = template(STORE)["Resources"][name]
    kept = (table["DeletionPolicy"], table["UpdateReplacePolicy"])
    assert kept == ("RetainExceptOnCreate", "Retain")
    assert table["Properties"]["DeletionProtectionEnabled"] is True
    backups = table["Properties"]["PointInTimeRecoverySpecification"]
    assert backups["PointInTimeRecoveryEnabled"] is True


@pytest.mark.parametrize("name", ["RegistryBucket", "FilesBucket", "DecisionsBucket", "LogsBucket"])
def test_a_bucket_is_private_encrypted_versioned_and_forgets(name: str) -> None:
    bucket = resources(STORE, "AWS::S3::Bucket")[name]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert "BucketEncryption" in bucket
    assert bucket["LifecycleConfiguration"]["Rules"]
    policies = resources(STORE, "AWS::S3::BucketPolicy")
    (tls, *_) = policies[f"{name}Policy"]["PolicyDocument"]["Statement"]
    assert (tls["Sid"], tls["Effect"], tls["Action"]) == ("TlsOnly", "Deny", "s3:*")


def test_the_queues_are_as_worker_create_makes_them() -> None:
    queues = resources(STORE, "AWS::SQS::Queue")
    for queue in queues.values():
        assert queue["VisibilityTimeout"] == DEFAULTS.queue_visibility_s
        assert queue["MessageRetentionPeriod"] == RETENTION_S
    letters = {"Fn::GetAtt": "DeadLetterQueue.Arn"}
    assert queues["PurchasesQueue"]["RedrivePolicy"] == {
        "deadLetterTargetArn": letters,
        "maxReceiveCount": MOST_RECEIVES,
    }


def containers() -> dict[str, dict[str, Any]]:
    tasks = resources(SERVICE, "AWS::ECS::TaskDefinition").values()
    return {each["Name"]: each for task in tasks for each in task["ContainerDefinitions"]}


def secrets(container: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Those that a container may be told."""
    every = container.get("Secrets", [])
    return [each["Fn::If"][1] if "Fn::If" in each else each for each in every]


@pytest.mark.parametrize("name", ["server", "worker", "trainer", "audience", "upkeep"])
def test_a_container_is_told_settings_and_cannot_write_to_its_image(name: str) -> None:
    container = containers()[name]
    told = [each["Name"] for each in container["Environment"] + secrets(container)]
    known = {f"PROPENSITY_{each.upper()}" for each in Settings.__struct_fields__}
    assert set(told) <= known
    assert len(told) == len(set(told))
    assert container["ReadonlyRootFilesystem"] is True
    assert container["LinuxParameters"] == {"Capabilities": {"Drop": ["ALL"]}}


OF_SOME = ("PROPENSITY_DECISION_LOG", "PROPENSITY_DRAIN_S")


def test_every_process_is_told_the_same() -> None:
    (one, *others) = [
        [each for each in container["Environment"] if not each["Name"].startswith(OF_SOME)]
        for container in containers().values()
    ]
    assert all(other == one for other in others)


def test_the_log_of_decisions_is_one_place_and_only_servers_have_its_key() -> None:
    places = {
        name: each["Value"]
        for name, container in containers().items()
        for each in container["Environment"]
        if each["Name"] == "PROPENSITY_DECISION_LOG"
    }
    assert set(places) == {"server", "upkeep"}
    assert places["server"] == places["upkeep"]
    told = {name: {each["Name"] for each in secrets(c)} for name, c in containers().items()}
    assert {name for name, names in told.items() if "PROPENSITY_DECISION_LOG_KEY" in names} == {
        "server"
    }


def test_a_key_that_aws_makes_is_one() -> None:
    secret = resources(STORE, "AWS::SecretsManager::Secret")["DecisionLogKey"]
    asked = secret["GenerateSecretString"]
    assert asked == {"PasswordLength": 43, "ExcludePunctuation": True}
    draw = Random(1)
    for _ in range(1_000):
        made = draw.choices(ascii_letters + digits, k=asked["PasswordLength"])
        assert random_key("".join(made))


def test_whoever_logs_or_tidies_has_the_image_with_parquet() -> None:
    assert containers()["upkeep"]["Image"] == {"Ref": "TrainerImage"}
    by_log = {"Fn::If": ["DecisionsAreLogged", {"Ref": "TrainerImage"}, {"Ref": "Image"}]}
    assert containers()["server"]["Image"] == by_log
    assert re.search("^pyarrow==", (DEPLOY / "requirements-train.lock").read_text(), re.MULTILINE)


def test_what_starts_tasks_may_read_their_secrets_and_pass_their_roles() -> None:
    def granted(role: str, action: str) -> list[Any]:
        (policy,) = resources(SERVICE, "AWS::IAM::Role")[role]["Policies"]
        found = [
            each["Resource"]
            for each in policy["PolicyDocument"]["Statement"]
            if action in each["Action"]
        ]
        (resource,) = found
        every = resource if isinstance(resource, list) else [resource]
        return [each["Fn::If"][1] if "Fn::If" in each else each for each in every]

    needed = [each["ValueFrom"] for one in containers().values() for each in secrets(one)]
    assert granted("ExecutionRole", "secretsmanager:GetSecretValue") == needed
    schedules = resources(SERVICE, "AWS::Scheduler::Schedule").values()
    tasks = [each["Target"]["EcsParameters"]["TaskDefinitionArn"] for each in schedules]
    assert granted("SchedulerRole", "ecs:RunTask") == tasks
    every = resources(SERVICE, "AWS::ECS::TaskDefinition")
    roles = [every[task["Ref"]]["TaskRoleArn"] for task in tasks]
    passed = [{"Fn::GetAtt": "ExecutionRole.Arn"}, *roles]
    assert granted("SchedulerRole", "iam:PassRole") == passed


def test_the_image_may_write_where_a_task_mounts_a_volume() -> None:
    (volumes,) = re.findall(r"^VOLUME (.+)$", (DEPLOY / "Containerfile").read_text(), re.MULTILINE)
    for container in containers().values():
        mounts = {mount["ContainerPath"] for mount in container["MountPoints"]}
        assert mounts == set(volumes.split())


def test_a_stop_leaves_the_service_the_time_that_it_takes() -> None:
    server, worker = (int(containers()[name]["StopTimeout"]) for name in ("server", "worker"))
    told = {each["Name"]: each["Value"] for each in containers()["server"]["Environment"]}
    drain = float(told["PROPENSITY_DRAIN_S"])
    assert drain + DEFAULTS.graceful_stop_s + STOP_WITHIN_S < server <= 120  # the most of Fargate
    assert WAIT_S + DRAIN_S < worker <= 120


def test_the_load_balancer_closes_connections_before_the_servers_do() -> None:
    (balancer,) = resources(SERVICE, "AWS::ElasticLoadBalancingV2::LoadBalancer").values()
    attributes = {each["Key"]: each["Value"] for each in balancer["LoadBalancerAttributes"]}
    assert int(attributes["idle_timeout.timeout_seconds"]) < DEFAULTS.keep_alive_s


def test_scaling_begins_while_a_process_has_places_left() -> None:
    policies = resources(SERVICE, "AWS::ApplicationAutoScaling::ScalingPolicy")
    wanted = policies["ServerScalingOnRequestsInWork"]["TargetTrackingScalingPolicyConfiguration"]
    assert wanted["TargetValue"] == DEFAULTS.requests_in_work / 4


def test_whatever_is_alarmed_is_told_to_somebody() -> None:
    alarms = resources(SERVICE, "AWS::CloudWatch::Alarm")
    assert set(alarms) == {
        "AvailabilityAlarm",
        "LatencyAlarm",
        "ServersAlarm",
        "StoreThrottledAlarm",
        "QueueAgeAlarm",
        "DeadLettersAlarm",
        "UnstartedJobsAlarm",
    }
    assert all(alarm["AlarmActions"] == [{"Ref": "Alarms"}] for alarm in alarms.values())


def test_no_export_can_be_empty() -> None:
    exported = {output["Value"].get("Ref") for output in template(STORE)["Outputs"].values()}
    optional = {
        name for name, each in template(STORE)["Parameters"].items() if each.get("Default") == ""
    }
    assert optional
    assert not exported & optional  # CloudFormation refuses an empty export


@pytest.mark.full
def test_cloudformation_takes_the_templates() -> None:
    lint = Path(sys.executable).with_name("cfn-lint")
    found = subprocess.run([lint, STORE, SERVICE], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (0, "")
