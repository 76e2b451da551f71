"""Both stacks, made by the embedded engine's CloudFormation from the templates as they are."""

import time
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from botocore.session import Session

from adapters.embedded import EmbeddedEngine
from adapters.listening import HOST
from tests.conftest import LOCAL_CREDENTIALS
from tests.deploy.templates import SERVICE, STORE, template

REGION = "eu-west-1"
SERVICES = (
    "cloudformation,dynamodb,sqs,s3,iam,sts,ecs,elbv2,ec2,logs,secretsmanager,sns,events,scheduler"
)
UNKNOWN_TO_THE_ENGINE = {
    "AWS::ApplicationAutoScaling::ScalableTarget",
    "AWS::ApplicationAutoScaling::ScalingPolicy",
    "AWS::CloudWatch::Alarm",  # it knows those of one metric
    "AWS::ECS::Service",  # it counts tasks in text
}
PARAMETERS = {
    STORE: {"Currency": "USD"},
    SERVICE: {
        "StoreStack": "store",
        "Image": "propensity",
        "TrainerImage": "propensity-train",
        "Vpc": "vpc-1",
        "LoadBalancerSubnets": "subnet-1,subnet-2",
        "TaskSubnets": "subnet-1,subnet-2",
        "VpcCidr": "10.0.0.0/16",
        "ClientCidr": "10.0.0.0/8",
        "Certificate": "arn:aws:acm:eu-west-1:000000000000:certificate/1",
        "ServerTasksLeast": "2",
        "AlarmEmail": "night@shop.example",
        "AudienceCategory": "jewellery",
        "DecisionLogShares": "propensity=100%,flags=100%",
    },
}


@cache  # a client reads its service's model, which takes longer than what it asks
def aws(engine: EmbeddedEngine, service: str, address: str = "") -> Any:
    """A client of one service of the engine, by way of an address."""
    return Session().create_client(
        service,
        endpoint_url=address or f"http://{HOST}:{engine.port}",
        region_name=REGION,
        aws_access_key_id=LOCAL_CREDENTIALS[0],
        aws_secret_access_key=LOCAL_CREDENTIALS[1],
    )


def create(engine: EmbeddedEngine, name: str, path: Path) -> dict[str, str]:
    """The outputs of a new stack; what the engine does not know is left out."""
    client = aws(engine, "cloudformation")
    parameters = PARAMETERS[path].items()
    client.create_stack(
        StackName=name,
        TemplateBody=_known(path),
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters],
    )
    end = time.monotonic() + 60
    while (stack := _stack(client, name))["StackStatus"] == "CREATE_IN_PROGRESS":
        assert time.monotonic() < end
        time.sleep(0.1)  # polls another process
    events = client.describe_stack_events(StackName=name)["StackEvents"]
    failed = [event for event in events if event["ResourceStatus"].endswith("FAILED")]
    assert stack["StackStatus"] == "CREATE_COMPLETE", failed
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", ())}


def _stack(client: Any, name: str) -> Any:
    (stack,) = client.describe_stacks(StackName=name)["Stacks"]
    return stack


def _known(path: Path) -> str:
    found = template(path)
    known = {
        name: each
        for name, each in found["Resources"].items()
        if each["Type"] not in UNKNOWN_TO_THE_ENGINE
    }
    return yaml.safe_dump(found | {"Resources": known}, sort_keys=False)
