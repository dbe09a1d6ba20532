"""The ECS simulator, as AWS's own tools see it.

boto3 and the AWS command line run against it: every answer has to fit the model that botocore has of it, member by
member. Then the same boto3 script runs against moto, which is somebody else's imitation of AWS: where both know a
call, their answers have to have the same shape and their refusals the same names, but for what DIFFERENCES explains.

ECS_SIMULATOR names the program."""

import json
import os
import subprocess
import sys
import urllib.request
from contextlib import contextmanager

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from kit import PATIENCE, ROOT, free_ports, get, soon

SIMULATOR = os.environ.get("ECS_SIMULATOR", str(ROOT / "target/debug/examples/ecs_simulator"))
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "AWS_REGION": "eu-central-1",
    "AWS_DEFAULT_REGION": "eu-central-1",
}
PREFIX = "arn:aws:ecs:eu-central-1:123456789012"

# Where the two may differ, and why: whole steps, and places of any answer by their end.
DIFFERENCES = {
    "describe services, too many": "ECS takes ten names at most, moto any number",
    "list tasks, no service": "ECS knows no such service, moto leaves the filter out",
    "stop task, none": "moto breaks down (500)",
    "deregister again": "the documented error is ObjectNotFoundException",
    ".taskSets[]": "ECS shows them for external deployment controllers alone",
    ".containers[].exitCode": "moto's containers have one while they run",
    ".containers[].memory": "left out: that of the task is enough",
    ".startedBy": "moto has an empty one where nobody said any",
    ".stoppedReason": "moto has an empty one while a task runs",
}


# === The two of them ===


@contextmanager
def simulator():
    """The simulator at fifty times its speed; its address."""
    command = [SIMULATOR, "--port", "0", "--speed", "50", "--seed", "1", "--demo"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.kill()


@contextmanager
def moto():
    [port] = free_ports(1)
    address = f"http://127.0.0.1:{port}"
    command = [os.path.join(os.path.dirname(sys.executable), "moto_server"), "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:

        def up():
            try:
                return get(f"{address}/moto-api/data.json")
            except OSError:
                return None

        try:
            soon("moto is up", up)
            yield address
        finally:
            process.kill()


class Account:
    """boto3's clients of one address, which keep what they were answered."""

    def __init__(self, address):
        self.address, self.answers = address, {}
        session = boto3.Session(
            CREDENTIALS["AWS_ACCESS_KEY_ID"], CREDENTIALS["AWS_SECRET_ACCESS_KEY"], region_name="eu-central-1"
        )
        once = Config(retries={"total_max_attempts": 1}, read_timeout=PATIENCE)
        session.events.register("before-parse", self._fits)
        make = lambda name: session.client(name, endpoint_url=address, config=once)
        self.ecs, self.elbv2, self.sqs, self.sts, self.ec2 = map(make, ["ecs", "elbv2", "sqs", "sts", "ec2"])
        self.scaling = make("application-autoscaling")
        self.misfits, self.held = [], 0

    def _fits(self, operation_model, response_dict, **_):
        """Holds a JSON answer, before it is parsed, to botocore's model of it."""
        if response_dict["status_code"] == 200 and operation_model.service_model.protocol == "json":
            body = json.loads(response_dict["body"] or b"{}")
            self.held += 1
            misfits(operation_model.output_shape, body, operation_model.name, self.misfits)

    def call(self, step, function, **parameters):
        """Keeps what comes of a call under the name of a step: its answer, or the name of its refusal."""
        try:
            answer = function(**parameters)
            answer.pop("ResponseMetadata")
        except ClientError as error:
            answer = {"error": error.response["Error"]["Code"]}
        self.answers[step] = answer
        return answer


def misfits(shape, value, place, found):
    """What of a value is not as its shape says."""
    kinds = {"string": str, "integer": int, "long": int, "boolean": bool, "timestamp": (int, float), "double": (int, float)}
    if shape is None or value is None:
        if value:
            found.append(f"{place}: should not be")
    elif shape.type_name == "structure":
        for name, member in value.items():
            if name in shape.members:
                misfits(shape.members[name], member, f"{place}.{name}", found)
            else:
                found.append(f"{place}.{name}: the model has no such member")
    elif shape.type_name == "list":
        for member in value:
            misfits(shape.member, member, f"{place}[]", found)
    elif shape.type_name == "map":
        for member in value.values():
            misfits(shape.value, member, f"{place}{{}}", found)
    elif not isinstance(value, kinds[shape.type_name]):
        found.append(f"{place}: {value!r} is no {shape.type_name}")
    elif getattr(shape, "enum", None) and value not in shape.enum:
        found.append(f"{place}: {value!r} is none of {shape.enum}")


# === What is asked of both ===


def script(account, group, subnet):
    """A dozen and more calls and refusals; what came of them is in `account.answers`."""
    call, ecs = account.call, account.ecs
    call("create cluster", ecs.create_cluster, clusterName="witness")
    call("describe clusters", ecs.describe_clusters, clusters=["witness", "nobody"])
    call(
        "register task definition",
        ecs.register_task_definition,
        family="witness",
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        containerDefinitions=[
            {
                "name": "app",
                "image": "registry.example/app:1",
                "essential": True,
                "memory": 256,
                "portMappings": [{"containerPort": 8080, "protocol": "tcp"}],
            }
        ],
    )
    call("describe task definition", ecs.describe_task_definition, taskDefinition="witness")
    call("no task definition", ecs.describe_task_definition, taskDefinition="nobody")

    network = {"awsvpcConfiguration": {"subnets": [subnet], "securityGroups": [], "assignPublicIp": "DISABLED"}}
    service = {
        "cluster": "witness",
        "serviceName": "web",
        "taskDefinition": "witness",
        "desiredCount": 0,
        "launchType": "FARGATE",
        "networkConfiguration": network,
        "tags": [{"key": "team", "value": "one"}],
    }
    call("create service", ecs.create_service, **service)
    call("describe services", ecs.describe_services, cluster="witness", services=["web", "nobody"], include=["TAGS"])
    call("describe services, no cluster", ecs.describe_services, cluster="nobody", services=["web"])
    call("describe services, too many", ecs.describe_services, cluster="witness", services=[f"s{n}" for n in range(11)])
    call("list services", ecs.list_services, cluster="witness")
    call("update service", ecs.update_service, cluster="witness", service="web", desiredCount=1)
    call("update service, none", ecs.update_service, cluster="witness", service="nobody", desiredCount=1)
    call("update service, no cluster", ecs.update_service, cluster="nobody", service="web", desiredCount=1)

    ran = call("run task", ecs.run_task, cluster="witness", taskDefinition="witness", networkConfiguration=network, launchType="FARGATE")
    task = ran["tasks"][0]["taskArn"]
    missing = f"{PREFIX}:task/witness/00000000000000000000000000000000"
    call("list tasks", ecs.list_tasks, cluster="witness", family="witness")
    call("list tasks, no service", ecs.list_tasks, cluster="witness", serviceName="nobody")
    call("describe tasks", ecs.describe_tasks, cluster="witness", tasks=[task, missing])
    call("stop task", ecs.stop_task, cluster="witness", task=task, reason="enough")
    call("stop task, none", ecs.stop_task, cluster="witness", task=missing)

    arn = f"{PREFIX}:service/witness/web"
    call("tag", ecs.tag_resource, resourceArn=arn, tags=[{"key": "count", "value": "2"}])
    call("list tags", ecs.list_tags_for_resource, resourceArn=arn)
    call("untag", ecs.untag_resource, resourceArn=arn, tagKeys=["count"])

    elbv2 = account.elbv2
    call("target health", elbv2.describe_target_health, TargetGroupArn=group)
    stranger = [{"Id": "10.1.2.3", "Port": 8080}]
    call("target health, not registered", elbv2.describe_target_health, TargetGroupArn=group, Targets=stranger)
    nobody = group.replace("witness", "nobody")
    call("target health, no group", elbv2.describe_target_health, TargetGroupArn=nobody)
    call("target groups", elbv2.describe_target_groups, TargetGroupArns=[group])
    call("target groups, none", elbv2.describe_target_groups, Names=["nobody"])
    call("load balancers, none", elbv2.describe_load_balancers, Names=["nobody"])

    scaling = account.scaling
    target = {
        "ServiceNamespace": "ecs",
        "ResourceId": "service/witness/web",
        "ScalableDimension": "ecs:service:DesiredCount",
    }
    suspended = {name: True for name in ["DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended"]}
    call("scalable target", scaling.register_scalable_target, **target, MinCapacity=1, MaxCapacity=3)
    call("suspend", scaling.register_scalable_target, **target, SuspendedState=suspended)
    call("scalable targets", scaling.describe_scalable_targets, ServiceNamespace="ecs")
    call("deregister", scaling.deregister_scalable_target, **target)
    call("deregister again", scaling.deregister_scalable_target, **target)

    sqs = account.sqs
    url = call("create queue", sqs.create_queue, QueueName="events")["QueueUrl"]
    call("queue url", sqs.get_queue_url, QueueName="events")
    call("no queue", sqs.get_queue_url, QueueName="nobody")
    call("send", sqs.send_message, QueueUrl=url, MessageBody="hello")
    got = call("receive", sqs.receive_message, QueueUrl=url, WaitTimeSeconds=2, AttributeNames=["All"])
    handle = got["Messages"][0]["ReceiptHandle"]
    call("receive none", sqs.receive_message, QueueUrl=url)
    call("hide", sqs.change_message_visibility, QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)
    call("queue", sqs.get_queue_attributes, QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages", "QueueArn"])
    call("delete", sqs.delete_message_batch, QueueUrl=url, Entries=[{"Id": "a", "ReceiptHandle": handle}])
    call("delete nothing", sqs.delete_message_batch, QueueUrl=url, Entries=[])
    call("delete, no queue", sqs.delete_message, QueueUrl=url.replace("events", "nobody"), ReceiptHandle=handle)
    call("who am I", account.sts.get_caller_identity)

    call("delete service", ecs.delete_service, cluster="witness", service="web", force=True)
    call("describe deleted", ecs.describe_services, cluster="witness", services=["web"])


def shape(value, place="", into=None):
    """Every place of an answer, with the type of what is there; the elements of a list are one place."""
    into = {} if into is None else into
    if isinstance(value, dict):
        for name, member in value.items():
            shape(member, f"{place}.{name}" if place else name, into)
    elif isinstance(value, list):
        for member in value:
            shape(member, f"{place}[]", into)
        into.setdefault(f"{place}[]", "list")
    elif place == "error":
        into[place] = value
    else:
        into[place] = type(value).__name__
    return into


def compare(ours, theirs):
    """Whatever differs in a way that nobody has explained, and the explanations that nothing needs any more."""
    unexplained, needed = [], set()
    for step, answer in theirs.items():
        mine, other = shape(ours[step]), shape(answer)
        # What only ours has, botocore's model has vouched for: moto just knows less of it.
        for place in sorted(other.keys() | ({"error"} & mine.keys())):
            if mine.get(place) == other.get(place):
                continue
            explained = {each for each in DIFFERENCES if each == step or place.endswith(each)}
            needed |= explained
            if not explained:
                unexplained.append(f"{step}: {place}: ours {mine.get(place)}, theirs {other.get(place)}")
    unexplained += [f"not needed: {each}" for each in DIFFERENCES.keys() - needed]
    return unexplained


# === The command line ===


def commands(account, group):
    """A dozen commands of awscli, in their order, with the service `shop-web` waking in between."""
    environment = {**os.environ, **CREDENTIALS, "AWS_PAGER": "", "AWS_MAX_ATTEMPTS": "1"}
    environment["AWS_CONFIG_FILE"] = environment["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    program = os.path.join(os.path.dirname(sys.executable), "aws")

    def aws(*words, fails=None):
        # awscli 1 does not read AWS_ENDPOINT_URL for SQS.
        command = [program, "--endpoint-url", account.address, *words, "--output", "json"]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, env=environment)
        if fails:
            assert ran.returncode >= 254 and fails in ran.stderr, ran
            return None
        assert ran.returncode == 0 and not ran.stderr, ran
        return json.loads(ran.stdout) if ran.stdout.strip() else None

    in_demo = ["--cluster", "demo"]
    assert aws("sts", "get-caller-identity")["Account"] == "123456789012"
    assert len(aws("ecs", "list-services", *in_demo, "--page-size", "2")["serviceArns"]) == 3, "three, on two pages"
    web = aws("ecs", "describe-services", *in_demo, "--services", "shop-web", "--include", "TAGS")["services"][0]
    assert (web["desiredCount"], web["runningCount"], web["status"]) == (0, 0, "ACTIVE"), web
    told = aws("ecs", "update-service", *in_demo, "--service", "shop-web", "--desired-count", "1")
    assert told["service"]["desiredCount"] == 1, told
    # Its own `ecs wait` looks every 15 s only.
    running = lambda: account.ecs.describe_services(cluster="demo", services=["shop-web"])["services"][0]["runningCount"]
    soon("shop-web runs", running)
    [arn] = aws("ecs", "list-tasks", *in_demo, "--service-name", "shop-web")["taskArns"]
    [task] = aws("ecs", "describe-tasks", *in_demo, "--tasks", arn)["tasks"]
    assert (task["lastStatus"], task["group"]) == ("RUNNING", "service:shop-web"), task
    details = {one["name"]: one["value"] for one in task["attachments"][0]["details"]}
    answer = json.loads(get(f"http://{details['privateIPv4Address']}:8080/hello"))
    assert (answer["task"], answer["service"], answer["path"]) == (arn, "shop-web", "/hello"), answer
    aws("ecs", "tag-resource", "--resource-arn", web["serviceArn"], "--tags", "key=team,value=one")
    tags = aws("ecs", "list-tags-for-resource", "--resource-arn", web["serviceArn"])["tags"]
    assert tags == [{"key": "team", "value": "one"}], tags
    aws("ecs", "update-service", "--cluster", "nowhere", "--service", "x", fails="(ClusterNotFoundException)")
    health = aws("elbv2", "describe-target-health", "--target-group-arn", group, "--targets", "Id=10.1.2.3")
    assert health["TargetHealthDescriptions"][0]["TargetHealth"]["State"] == "unused", health
    aws("elbv2", "describe-target-groups", "--names", "nobody", fails="(TargetGroupNotFound)")
    scalable = ["--service-namespace", "ecs", "--scalable-dimension", "ecs:service:DesiredCount"]
    scalable += ["--resource-id", "service/demo/shop-web"]
    bounds = ["--min-capacity", "2", "--max-capacity", "3"]
    aws("application-autoscaling", "register-scalable-target", *scalable, *bounds)
    found = aws("application-autoscaling", "describe-scalable-targets", "--service-namespace", "ecs")["ScalableTargets"]
    assert [one["ResourceId"] for one in found] == ["service/demo/shop-web"], found
    web = aws("ecs", "describe-services", *in_demo, "--services", "shop-web")["services"][0]
    assert web["desiredCount"] == 2, "registering moves the count between the bounds"
    again = aws("ecs", "update-service", *in_demo, "--service", "shop-api", "--force-new-deployment")
    assert again["service"]["deployments"][0]["rolloutState"] == "IN_PROGRESS", again
    url = aws("sqs", "get-queue-url", "--queue-name", "ecs-events")["QueueUrl"]
    return aws("sqs", "receive-message", "--queue-url", url, "--max-number-of-messages", "10", "--wait-time-seconds", "5")


def events(account, first):
    """Reads the events that the commands have caused, and holds them to the form AWS documents."""
    url = account.sqs.get_queue_url(QueueName="ecs-events")["QueueUrl"]
    found, messages = [], first["Messages"]

    def enough():
        nonlocal messages
        found.extend(json.loads(one["Body"]) for one in messages)
        messages = account.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=2, MaxNumberOfMessages=10).get("Messages", [])
        kinds = {(one["detail-type"], one["detail"].get("eventName") or one["detail"]["lastStatus"]) for one in found}
        return {
            ("ECS Task State Change", "RUNNING"),
            ("ECS Service Action", "SERVICE_STEADY_STATE"),
            ("ECS Deployment State Change", "SERVICE_DEPLOYMENT_COMPLETED"),
        } <= kinds

    soon("each kind of event has come", enough)
    for one in found:
        assert (one["version"], one["source"], one["region"]) == ("0", "aws.ecs", "eu-central-1"), one
        assert len(one["resources"]) == 1 and one["resources"][0].startswith("arn:aws:ecs:"), one
    tasks = [one["detail"] for one in found if one["detail-type"] == "ECS Task State Change"]
    versions = {}
    for task in tasks:
        assert versions.setdefault(task["taskArn"], 0) < task["version"], "each version once, and in order"
        versions[task["taskArn"]] = task["version"]
        assert "healthStatus" not in task and task["createdAt"].endswith("Z"), task
        [attachment] = task["attachments"]
        names = [one["name"] for one in attachment["details"]]
        assert attachment["type"] == "eni" and names[0] == "subnetId", attachment
        assert ("privateIPv4Address" in names) == (attachment["status"] != "PRECREATED"), attachment
    return len(found)


# === The test ===


def post(address, path, value, method="POST"):
    """A call of the simulator's control API."""
    data = json.dumps(value).encode()
    request = urllib.request.Request(f"{address}/_simulator/{path}", data=data, method=method)
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return json.load(answer)


def main():
    with simulator() as address:
        ours = Account(address)
        group = post(address, "target-groups", {"name": "witness"})["arn"]
        post(address, "settings", {"events": {"queue": "ecs-events"}}, method="PUT")
        script(ours, group, "subnet-0123456789abcdef0")
        first = commands(ours, group)
        count = events(ours, first)
    assert not ours.misfits, "\n".join(ours.misfits)
    print(f"botocore's model fits {ours.held} answers, and awscli reads them; {count} events are in order")

    with moto() as address:
        theirs = Account(address)
        subnet = theirs.ec2.describe_subnets()["Subnets"][0]
        made = theirs.elbv2.create_target_group(
            Name="witness", Protocol="HTTP", Port=8080, VpcId=subnet["VpcId"], TargetType="ip"
        )
        script(theirs, made["TargetGroups"][0]["TargetGroupArn"], subnet["SubnetId"])
    different = compare(ours.answers, theirs.answers)
    assert not different, "\n".join(different)
    print(f"moto has the same shapes and errors for {len(theirs.answers)} calls, but for {len(DIFFERENCES)} differences")


if __name__ == "__main__":
    main()
