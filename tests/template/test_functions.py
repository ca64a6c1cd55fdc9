"""What is deployed as functions: their names, handlers, variables, and where their failures go."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.template.stacks import ACCOUNT, HOME, REPO, home_stack, load

if TYPE_CHECKING:
    from tests.template.stacks import Stack

VERBS = ("audit", "protect", "prune", "replicate", "restore", "restore-run", "snapshot")
FLEET = ("audit", "protect", "prune", "replicate", "snapshot")  # what looks into member accounts too
HERE = f"eu-west-1:{ACCOUNT}"
DEAD_LETTERS = f"arn:aws:sqs:{HERE}:backstay-dead-letters"
SHARDS = f"https://sqs.eu-west-1.amazonaws.com/{ACCOUNT}/backstay-audit-shards"


def functions(stack: Stack) -> dict[str, dict[str, Any]]:
    """Properties by verb."""
    found = stack.of_type("AWS::Lambda::Function").values()
    return {each["FunctionName"].removeprefix("backstay-"): each for each in found}


def variables(stack: Stack, verb: str) -> dict[str, str]:
    found: dict[str, str] = functions(stack)[verb]["Environment"]["Variables"]
    return found


def test_the_seven_functions_and_no_other(home: Stack) -> None:
    assert tuple(sorted(functions(home))) == VERBS


@pytest.mark.parametrize("verb", VERBS)
def test_runs_on_what_it_is_tested_with(home: Stack, verb: str) -> None:
    function = functions(home)[verb]
    assert function["Runtime"] == "python3.13"
    assert function["Architectures"] == ["arm64"]
    assert 60 <= function["Timeout"] <= 900
    assert function["Handler"] == f"backstay.handlers.{verb.replace('-', '_')}.handler"
    assert "TracingConfig" not in function


@pytest.mark.parametrize("verb", VERBS)
def test_handler_imports_from_the_zip_alone(verb: str) -> None:
    """With the product's source and the locked run-time requirements on the path, and nothing else."""
    module, _, name = f"backstay.handlers.{verb.replace('-', '_')}.handler".rpartition(".")
    path = [str(REPO / "functions"), str(REPO / ".lab" / "deps")]
    code = f"import sys; sys.path[:0] = {path!r}; from {module} import {name}; assert callable({name})"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("verb", VERBS)
def test_every_function_is_called_through_its_alias(home: Stack, verb: str) -> None:
    aliases = {each["FunctionName"]: each["Name"] for each in home.of_type("AWS::Lambda::Alias").values()}
    assert aliases[f"backstay-{verb}"] == "live"


@pytest.mark.parametrize("verb", VERBS)
def test_a_changed_variable_reaches_the_alias(verb: str) -> None:
    source = {
        each["Properties"]["FunctionName"]["Fn::Sub"].removeprefix("${DeploymentId}-"): each["Properties"]
        for each in load(HOME)["Resources"].values()
        if each["Type"] == "AWS::Serverless::Function"
    }
    assert source[verb]["AutoPublishAliasAllProperties"] is True


@pytest.mark.parametrize("verb", VERBS)
def test_logs_go_to_a_group_of_its_own_that_expires(home: Stack, verb: str) -> None:
    group = functions(home)[verb]["LoggingConfig"]["LogGroup"]
    assert group == f"/aws/lambda/backstay-{verb}"
    kept = {each["LogGroupName"]: each["RetentionInDays"] for each in home.of_type("AWS::Logs::LogGroup").values()}
    assert kept[group] == "90"


def test_what_each_function_is_told(home: Stack) -> None:
    common = {
        "BACKSTAY_DEPLOYMENT": "backstay",
        "BACKSTAY_REGIONS": "eu-west-1,eu-west-2",
        "BACKSTAY_POLICY": "default",
        "BACKSTAY_VAULT": f"backstay-vault-{ACCOUNT}-eu-west-1",
        "BACKSTAY_BUS": "backstay",
        "POWERTOOLS_METRICS_NAMESPACE": "Backstay",
        "POWERTOOLS_LOG_LEVEL": "INFO",
    }
    own = {
        **{verb: {"BACKSTAY_ACCOUNTS": ""} for verb in FLEET},
        "audit": {
            "BACKSTAY_ACCOUNTS": "",
            "BACKSTAY_TOPIC": f"arn:aws:sns:{HERE}:backstay-alarms",
            "BACKSTAY_SHARDS": SHARDS,
        },
        "restore": {
            "BACKSTAY_RUNNER": f"arn:aws:lambda:{HERE}:function:backstay-restore-run:live",
            "AWS_MAX_ATTEMPTS": "3",
        },
        "restore-run": {"BACKSTAY_CA_BUNDLE": f"s3://backstay-vault-{ACCOUNT}-eu-west-1/ca/rds-global-bundle.pem"},
    }
    for verb in VERBS:
        assert variables(home, verb) == {**common, **own.get(verb, {})}


def test_member_accounts_are_named_to_those_that_look_there(home: Stack) -> None:
    named = home_stack(MemberAccounts="444455556666,777788889999")
    assert home.parameters["MemberAccounts"] == ""
    told = {verb for verb in VERBS if "BACKSTAY_ACCOUNTS" in variables(named, verb)}
    assert told == set(FLEET)
    assert {variables(named, verb)["BACKSTAY_ACCOUNTS"] for verb in FLEET} == {"444455556666,777788889999"}


def test_an_account_that_only_keeps_copies_is_not_looked_into_for_databases() -> None:
    stack = home_stack(VaultAccounts="222233334444")
    assert {variables(stack, verb)["BACKSTAY_ACCOUNTS"] for verb in FLEET} == {""}


def test_only_the_runner_is_durable_and_encrypts_its_history_with_our_key(home: Stack, location: Stack) -> None:
    durable = {verb: each["DurableConfig"] for verb, each in functions(home).items() if "DurableConfig" in each}
    key = location.exports["backstay-vault-key-arn"]
    assert durable == {"restore-run": {"ExecutionTimeout": 86400, "RetentionPeriodInDays": 90, "KMSKeyArn": key}}


def test_a_failed_asynchronous_event_is_kept(home: Stack) -> None:
    kept = {
        each["FunctionName"].removeprefix("backstay-"): each["DestinationConfig"]["OnFailure"]["Destination"]
        for each in home.of_type("AWS::Lambda::EventInvokeConfig").values()
    }
    # Durable functions take no destinations: theirs is a dead-letter queue.
    kept |= {
        verb: each["DeadLetterConfig"]["TargetArn"]
        for verb, each in functions(home).items()
        if "DeadLetterConfig" in each
    }
    assert kept == dict.fromkeys(VERBS, DEAD_LETTERS)


def test_a_failure_destination_is_set_on_the_alias_that_events_call(home: Stack) -> None:
    assert {each["Qualifier"] for each in home.of_type("AWS::Lambda::EventInvokeConfig").values()} == {"live"}


def queue_of(stack: Stack, name: str) -> dict[str, Any]:
    return {each["QueueName"]: each for each in stack.of_type("AWS::SQS::Queue").values()}[f"backstay-{name}"]


def mapping_of(stack: Stack, name: str) -> dict[str, Any]:
    """By which Lambda reads that queue."""
    mappings = stack.of_type("AWS::Lambda::EventSourceMapping").values()
    (found,) = (each for each in mappings if each["EventSourceArn"].endswith(f":backstay-{name}"))
    return found


def test_two_queues_wake_functions_and_no_other(home: Stack) -> None:
    read = home.of_type("AWS::Lambda::EventSourceMapping").values()
    assert sorted(each["EventSourceArn"].rpartition(":")[2] for each in read) == [
        "backstay-audit-shards",
        "backstay-replicate-wakes",
    ]


class TestShards:
    """The queue by which an audit that is too large for one invocation gives itself work."""

    def queue(self, stack: Stack) -> dict[str, Any]:
        return queue_of(stack, "audit-shards")

    def mapping(self, stack: Stack) -> dict[str, Any]:
        return mapping_of(stack, "audit-shards")

    def test_audit_alone_reads_it_through_its_alias_and_says_which_messages_failed(self, home: Stack) -> None:
        assert self.mapping(home) == {
            "EventSourceArn": f"arn:aws:sqs:{HERE}:backstay-audit-shards",
            "FunctionName": f"arn:aws:lambda:{HERE}:function:backstay-audit:live",
            "BatchSize": 1,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "ScalingConfig": {"MaximumConcurrency": 10},
            "Enabled": True,
        }

    def test_it_goes_on_while_paused_as_the_hourly_audit_does(self) -> None:
        assert self.mapping(home_stack(Enabled="false"))["Enabled"] is True

    def test_a_message_stays_hidden_for_longer_than_a_run_may_take(self, home: Stack) -> None:
        assert self.queue(home)["VisibilityTimeout"] == 360 > functions(home)["audit"]["Timeout"]

    def test_what_fails_three_times_is_a_dead_letter_before_it_expires(self, home: Stack) -> None:
        queue = self.queue(home)
        assert queue["RedrivePolicy"] == {"deadLetterTargetArn": DEAD_LETTERS, "maxReceiveCount": 3}
        longest_delay = 900  # SQS, SendMessage, DelaySeconds
        assert longest_delay + 3 * queue["VisibilityTimeout"] < queue["MessageRetentionPeriod"] == 3600
        assert queue["SqsManagedSseEnabled"] is True


class TestWakes:
    """The queue by which a night of snapshot events costs some runs of replicate, not one each."""

    def test_replicate_alone_reads_it_through_its_alias_a_hundred_events_or_a_minute_at_once(self, home: Stack) -> None:
        assert mapping_of(home, "replicate-wakes") == {
            "EventSourceArn": f"arn:aws:sqs:{HERE}:backstay-replicate-wakes",
            "FunctionName": f"arn:aws:lambda:{HERE}:function:backstay-replicate:live",
            "BatchSize": 100,
            "MaximumBatchingWindowInSeconds": 60,
            "ScalingConfig": {"MaximumConcurrency": 2},
            "Enabled": True,
        }

    def test_it_is_not_read_while_paused(self) -> None:
        assert mapping_of(home_stack(Enabled="false"), "replicate-wakes")["Enabled"] is False

    def test_a_message_stays_hidden_for_longer_than_its_batch_waits_and_a_run_may_take(self, home: Stack) -> None:
        window = mapping_of(home, "replicate-wakes")["MaximumBatchingWindowInSeconds"]
        hidden = queue_of(home, "replicate-wakes")["VisibilityTimeout"]
        assert hidden == 720 > functions(home)["replicate"]["Timeout"] + window

    def test_what_fails_three_times_is_a_dead_letter_before_it_expires(self, home: Stack) -> None:
        queue = queue_of(home, "replicate-wakes")
        assert queue["RedrivePolicy"] == {"deadLetterTargetArn": DEAD_LETTERS, "maxReceiveCount": 3}
        assert 3 * queue["VisibilityTimeout"] < queue["MessageRetentionPeriod"] == 3600
        assert queue["SqsManagedSseEnabled"] is True

    def test_one_rule_alone_may_send_to_it(self, home: Stack) -> None:
        queue = f"arn:aws:sqs:{HERE}:backstay-replicate-wakes"
        policies = home.of_type("AWS::SQS::QueuePolicy").values()
        statements = [s for policy in policies for s in policy["PolicyDocument"]["Statement"] if s["Resource"] == queue]
        assert statements == [
            {
                "Sid": "SnapshotEvents",
                "Effect": "Allow",
                "Principal": {"Service": "events.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": queue,
                "Condition": {
                    "ArnEquals": {"aws:SourceArn": f"arn:aws:events:{HERE}:rule/backstay/backstay-snapshot-events"}
                },
            }
        ]


def test_outside_a_vpc_unless_subnets_are_given(home: Stack) -> None:
    assert [verb for verb, each in functions(home).items() if "VpcConfig" in each] == []
    inside = home_stack(SubnetIds="subnet-1,subnet-2", SecurityGroupIds="sg-1")
    placed = {verb: each["VpcConfig"] for verb, each in functions(inside).items() if "VpcConfig" in each}
    assert placed == {"restore-run": {"SubnetIds": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]}}


def test_another_deployment_shares_no_name() -> None:
    named = {
        "AWS::CloudWatch::Alarm": "AlarmName",
        "AWS::Events::Rule": "Name",
        "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
        "AWS::Lambda::Function": "FunctionName",
        "AWS::Logs::LogGroup": "LogGroupName",
        "AWS::SQS::Queue": "QueueName",
        "AWS::Scheduler::Schedule": "Name",
    }
    names = [
        (kind, each[key])
        for stack in (home_stack(), home_stack(DeploymentId="second"))
        for kind, key in named.items()
        for each in stack.of_type(kind).values()
        if key in each
    ]
    assert len(names) == len(set(names)) > 50
