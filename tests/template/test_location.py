"""The vault, its key, the topic and the forwarding of one location; and the alarms of the home."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.template.policies import roles
from tests.template.stacks import ACCOUNT, HOME, HOME_REGION, REGION, home_stack, load, region_stack

if TYPE_CHECKING:
    from tests.template.stacks import Stack

TOPIC = f"arn:aws:sns:eu-west-1:{ACCOUNT}:backstay-alarms"


def only(stack: Stack, kind: str) -> dict[str, Any]:
    (found,) = stack.of_type(kind).values()
    return found


class TestVault:
    def test_it_keeps_versions_and_can_lock_them(self, location: Stack) -> None:
        bucket = only(location, "AWS::S3::Bucket")
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
        assert bucket["ObjectLockEnabled"] is True
        assert bucket["ObjectLockConfiguration"] == {"ObjectLockEnabled": "Enabled"}

    def test_a_default_lock_is_the_owners_choice(self) -> None:
        bucket = only(region_stack(ObjectLockDays="30"), "AWS::S3::Bucket")
        retention = bucket["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]
        assert retention == {"Mode": "GOVERNANCE", "Days": "30"}

    def test_it_is_encrypted_with_our_key(self, location: Stack) -> None:
        (rule,) = only(location, "AWS::S3::Bucket")["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["BucketKeyEnabled"] is True
        assert rule["ServerSideEncryptionByDefault"] == {
            "SSEAlgorithm": "aws:kms",
            "KMSMasterKeyID": location.exports["backstay-vault-key-arn"],
        }

    def test_nobody_outside_can_be_let_in(self, location: Stack) -> None:
        bucket = only(location, "AWS::S3::Bucket")
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
        assert len(bucket["PublicAccessBlockConfiguration"]) == 4
        assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}

    def test_plain_http_is_refused(self, location: Stack) -> None:
        (statement,) = only(location, "AWS::S3::BucketPolicy")["PolicyDocument"]["Statement"]
        bucket = f"arn:aws:s3:::backstay-vault-{ACCOUNT}-eu-west-1"
        assert statement["Effect"] == "Deny"
        assert statement["Principal"] == "*"
        assert statement["Resource"] == [bucket, f"{bucket}/*"]
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}

    def test_the_lab_speaks_plain_http(self) -> None:
        assert region_stack(TlsOnly="false").of_type("AWS::S3::BucketPolicy") == {}

    def test_leftovers_expire(self, location: Stack) -> None:
        rules = only(location, "AWS::S3::Bucket")["LifecycleConfiguration"]["Rules"]
        assert {key for rule in rules for key in rule} >= {
            "AbortIncompleteMultipartUpload",
            "NoncurrentVersionExpiration",
        }

    def test_an_expired_report_or_shard_leaves_no_version_behind(self, location: Stack) -> None:
        rules = {each["Id"]: each for each in only(location, "AWS::S3::Bucket")["LifecycleConfiguration"]["Rules"]}
        reports, shards, rest = rules["expire-reports"], rules["expire-shards"], rules["expire-old-versions"]
        assert (reports["Prefix"], reports["ExpirationInDays"]) == ("reports/", 400)
        assert (shards["Prefix"], shards["ExpirationInDays"]) == ("shards/", 7)
        assert reports["NoncurrentVersionExpiration"] == shards["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}
        assert rest["NoncurrentVersionExpiration"]["NewerNoncurrentVersions"] == 10
        assert "Prefix" not in rest

    def test_everything_that_holds_data_outlives_the_stack(self) -> None:
        kept = {
            name: (each.get("DeletionPolicy"), each.get("UpdateReplacePolicy"))
            for name, each in load(REGION)["Resources"].items()
            if each["Type"] in {"AWS::KMS::Key", "AWS::S3::Bucket", "AWS::S3::BucketPolicy"}
        }
        assert len(kept) == 3
        assert set(kept.values()) == {("Retain", "Retain")}

    def test_a_reinstallation_takes_up_what_was_kept(self) -> None:
        key = f"arn:aws:kms:{HOME_REGION}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
        again = region_stack(VaultKeyArn=key)
        assert again.of_type("AWS::S3::Bucket") == again.of_type("AWS::KMS::Key") == {}
        assert again.exports == {**region_stack().exports, "backstay-vault-key-arn": key}
        assert only(again, "AWS::KMS::Alias")["TargetKeyId"] == key


class TestKey:
    def test_it_rotates_and_is_found_by_its_alias(self, location: Stack) -> None:
        assert only(location, "AWS::KMS::Key")["EnableKeyRotation"] is True
        assert only(location, "AWS::KMS::Alias")["AliasName"] == "alias/backstay"

    VAULT = "222233334444"

    def test_no_other_account_may_use_it_unless_one_is_named(self, location: Stack) -> None:
        statements = only(location, "AWS::KMS::Key")["KeyPolicy"]["Statement"]
        assert {str(each["Principal"]) for each in statements if "AWS" in each["Principal"]} == {
            str({"AWS": f"arn:aws:iam::{ACCOUNT}:root"})
        }

    def test_the_account_that_keeps_copies_may_read_what_is_shared_with_it_and_let_rds_read_it(self) -> None:
        statements = only(region_stack(VaultAccount=self.VAULT), "AWS::KMS::Key")["KeyPolicy"]["Statement"]
        theirs = [each for each in statements if each["Principal"] == {"AWS": f"arn:aws:iam::{self.VAULT}:root"}]
        assert [(each["Action"], each.get("Condition")) for each in theirs] == [
            (["kms:Decrypt", "kms:DescribeKey"], None),
            ("kms:CreateGrant", {"Bool": {"kms:GrantIsForAWSResource": "true"}}),
        ]

    def test_services_use_it_for_one_thing_each(self, location: Stack) -> None:
        account, topic, histories = only(location, "AWS::KMS::Key")["KeyPolicy"]["Statement"]
        assert account["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
        assert topic["Condition"]["StringEquals"] == {"kms:EncryptionContext:aws:sns:topicArn": TOPIC}
        assert histories["Condition"]["StringEquals"] == {
            "aws:SourceAccount": ACCOUNT,
            "kms:EncryptionContext:aws:lambda:FunctionArn": (
                f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:backstay-restore-run"
            ),
        }
        for service in (topic, histories):
            assert service["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]


class TestForwarding:
    def test_every_region_forwards_to_the_home_bus_and_can_do_nothing_else(self) -> None:
        away = region_stack("eu-west-2")
        bus = f"arn:aws:events:eu-west-1:{ACCOUNT}:event-bus/backstay"
        targets = [target for rule in away.of_type("AWS::Events::Rule").values() for target in rule["Targets"]]
        assert {target["Arn"] for target in targets} == {bus}
        ((name, role),) = roles(away).items()
        assert {target["RoleArn"] for target in targets} == {f"arn:aws:iam::{ACCOUNT}:role/{name}"}
        (statement,) = role.statements
        assert (statement.actions, statement.resources) == (("events:PutEvents",), (bus,))

    def test_rules_stand_on_the_default_bus_where_rds_speaks(self, location: Stack) -> None:
        assert {rule.get("EventBusName") for rule in location.of_type("AWS::Events::Rule").values()} == {None}


@pytest.mark.parametrize("which", ["home", "location"])
def test_queues_are_encrypted_and_letters_are_kept_as_long_as_can_be(
    which: str, request: pytest.FixtureRequest
) -> None:
    queues = request.getfixturevalue(which).of_type("AWS::SQS::Queue").values()
    assert {queue["SqsManagedSseEnabled"] for queue in queues} == {True}
    (letters,) = [queue for queue in queues if queue["QueueName"].endswith("dead-letters")]
    assert letters["MessageRetentionPeriod"] == 14 * 24 * 3600


class TestAlarms:
    def alarms(self, stack: Stack) -> dict[str, dict[str, Any]]:
        return {each["AlarmName"]: each for each in stack.of_type("AWS::CloudWatch::Alarm").values()}

    @pytest.mark.parametrize("which", ["home", "location"])
    def test_every_alarm_tells_somebody_and_says_what_it_means(
        self, which: str, request: pytest.FixtureRequest
    ) -> None:
        for alarm in self.alarms(request.getfixturevalue(which)).values():
            assert alarm["AlarmActions"] == [TOPIC]
            assert len(alarm["AlarmDescription"]) > 20

    def test_there_is_one_for_everything_that_can_stop_silently(self, home: Stack, location: Stack) -> None:
        functions = ("audit", "protect", "snapshot", "replicate", "prune", "restore", "restore-run")
        expected = {f"backstay-{name}-{what}" for name in functions for what in ("errors", "throttles")} | {
            *(f"backstay-{verb}-{what}" for verb in functions[:5] for what in ("heartbeat", "attention")),
            "backstay-copies-age",
            "backstay-databases-without-copy",
            "backstay-blast-radius-refused",
            "backstay-dead-letters",
            "backstay-restore-run-execution-failed",
            "backstay-restore-run-execution-timed-out",
        }
        assert set(self.alarms(home)) == expected
        assert set(self.alarms(location)) == {"backstay-forward-dead-letters"}

    def test_function_alarms_watch_the_function_they_name(self, home: Stack) -> None:
        for name, alarm in self.alarms(home).items():
            if alarm["Namespace"] == "AWS/Lambda":
                (dimension,) = alarm["Dimensions"]
                assert dimension["Name"] == "FunctionName"
                assert name.startswith(dimension["Value"] + "-")
                assert alarm["TreatMissingData"] == "notBreaching"

    @pytest.mark.parametrize(
        ("verb", "silence"),
        [
            ("audit", 2 * 3600),
            ("snapshot", 2 * 3600),
            ("replicate", 2 * 3600),
            ("protect", 30 * 3600),
            ("prune", 30 * 3600),
        ],
    )
    def test_a_missing_heartbeat_is_an_alarm(self, home: Stack, verb: str, silence: int) -> None:
        alarm = self.alarms(home)[f"backstay-{verb}-heartbeat"]
        assert (alarm["Namespace"], alarm["MetricName"]) == ("Backstay", "Heartbeat")
        assert alarm["Dimensions"] == [{"Name": "service", "Value": verb}]
        assert alarm["TreatMissingData"] == "breaching"
        assert alarm["Period"] * alarm["EvaluationPeriods"] == silence
        assert alarm["ComparisonOperator"] == "LessThanThreshold"

    @pytest.mark.parametrize("hours", [*load(HOME)["Parameters"]["CopyAgeHours"]["AllowedValues"]])
    def test_copies_are_too_old_after_the_hours_that_are_asked_for(self, hours: str) -> None:
        alarm = self.alarms(home_stack(CopyAgeHours=hours))["backstay-copies-age"]
        assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (int(hours) * 3600, "GreaterThanThreshold")
        assert (alarm["MetricName"], alarm["Statistic"]) == ("NewestCopyAge", "Maximum")

    def test_two_days_by_default(self, home: Stack) -> None:
        assert self.alarms(home)["backstay-copies-age"]["Threshold"] == 48 * 3600

    @pytest.mark.parametrize(
        ("name", "metric", "verb", "hours"),
        [
            ("copies-age", "NewestCopyAge", "replicate", 1),
            ("databases-without-copy", "DatabasesWithoutCopy", "replicate", 24),
            ("blast-radius-refused", "BlastRadiusRefused", "prune", 1 / 12),
        ],
    )
    def test_recovery_points_alarm_by_what_a_run_measures(
        self, home: Stack, name: str, metric: str, verb: str, hours: float
    ) -> None:
        alarm = self.alarms(home)[f"backstay-{name}"]
        assert (alarm["Namespace"], alarm["MetricName"]) == ("Backstay", metric)
        assert alarm["Dimensions"] == [{"Name": "service", "Value": verb}]
        assert alarm["Period"] * alarm["EvaluationPeriods"] == hours * 3600 <= 86400  # CloudWatch: a day at most
        assert alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"]) == alarm["EvaluationPeriods"]
        assert alarm["TreatMissingData"] == "notBreaching"

    def test_that_copies_wait_their_turn_is_no_alarm(self, home: Stack) -> None:
        assert "CopiesWaiting" not in {alarm["MetricName"] for alarm in self.alarms(home).values()}

    def test_the_topic_is_encrypted_and_alarms_and_rules_publish(self, location: Stack) -> None:
        assert only(location, "AWS::SNS::Topic")["KmsMasterKeyId"] == location.exports["backstay-vault-key-arn"]
        statements = only(location, "AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"]
        who = {each["Principal"]["Service"]: each.get("Condition") for each in statements}
        assert who == {
            "cloudwatch.amazonaws.com": {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
            "events.amazonaws.com": None,  # EventBridge supports no condition in a topic's policy
        }
        assert {(each["Action"], each["Resource"]) for each in statements} == {("sns:Publish", TOPIC)}

    def test_an_address_is_subscribed_when_one_is_given(self, location: Stack) -> None:
        assert location.of_type("AWS::SNS::Subscription") == {}
        subscribed = only(region_stack(AlarmEmail="oncall@example.org"), "AWS::SNS::Subscription")
        assert (subscribed["Protocol"], subscribed["Endpoint"]) == ("email", "oncall@example.org")
