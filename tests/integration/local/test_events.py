"""Queues and schedules that reach functions."""

import json
import threading
import time

import pytest


@pytest.fixture
def sqs(stack):
    return stack.client("sqs")


@pytest.fixture
def url(stack):
    return stack.template.queues["StepQueue"].url


def dead_letters(stack, sqs, limit_s=8.0):
    answer = sqs.receive_message(
        QueueUrl=stack.template.queues["StepDeadLetters"].url, WaitTimeSeconds=int(limit_s), AttributeNames=["All"]
    )
    return answer.get("Messages", [])


def test_a_message_reaches_the_function_at_once(stack, sqs, url, seen):
    attributes = {"kind": {"StringValue": "test", "DataType": "String"}}
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"name": "warm"}))
    seen("warm")
    sent = time.time()
    message_id = sqs.send_message(
        QueueUrl=url, MessageBody=json.dumps({"name": "one"}), MessageAttributes=attributes, MessageGroupId="client-1"
    )["MessageId"]
    (note,) = seen("one")
    record = note["record"]
    assert record["messageId"] == message_id
    assert record["eventSourceARN"] == stack.template.queues["StepQueue"].arn
    assert record["messageAttributes"]["kind"]["stringValue"] == "test"
    assert record["attributes"]["MessageGroupId"] == "client-1"
    # 10 ms on an idle machine; this only tells waking from polling.
    assert note["at"] - sent < 1
    assert stack.queues["StepQueue"].depth().in_flight == 0


def test_a_reported_failure_comes_again_and_ends_among_the_dead_letters(stack, sqs, url, seen):
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"name": "failing", "fail": True}))
    dead = dead_letters(stack, sqs)
    assert [json.loads(message["Body"])["name"] for message in dead] == ["failing"]
    assert seen("failing")[-1]["receive_count"] == "2"
    sqs.delete_message(QueueUrl=stack.template.queues["StepDeadLetters"].url, ReceiptHandle=dead[0]["ReceiptHandle"])


def test_a_crash_loses_no_message(stack, sqs, url):
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"name": "crashing", "crash": True}))
    dead = dead_letters(stack, sqs)
    assert [json.loads(message["Body"])["name"] for message in dead] == ["crashing"]
    sqs.delete_message_batch(
        QueueUrl=stack.template.queues["StepDeadLetters"].url,
        Entries=[{"Id": "0", "ReceiptHandle": dead[0]["ReceiptHandle"]}],
    )


def test_no_more_batches_at_once_than_the_mapping_allows(stack, sqs, url, seen):
    most, done = [0], threading.Event()

    def watch():
        while not done.is_set():
            busy = sum(slot.busy for slot in stack.functions["StepFunction"].slots())
            most[0] = max(most[0], busy)
            time.sleep(0.005)

    watcher = threading.Thread(target=watch)
    watcher.start()
    entries = [{"Id": str(index), "MessageBody": json.dumps({"name": "crowd", "sleep_s": 0.2})} for index in range(10)]
    sqs.send_message_batch(QueueUrl=url, Entries=entries)
    assert len(seen("crowd", count=10)) == 10
    done.set()
    watcher.join()
    assert most[0] == 4


def test_the_queue_service_speaks_as_sqs_does(stack, sqs):
    dead = stack.template.queues["StepDeadLetters"]
    assert sqs.get_queue_url(QueueName=dead.name)["QueueUrl"] == dead.url
    assert dead.url in sqs.list_queues()["QueueUrls"]
    attributes = sqs.get_queue_attributes(QueueUrl=dead.url, AttributeNames=["All"])["Attributes"]
    assert attributes["QueueArn"] == dead.arn
    assert attributes["MessageRetentionPeriod"] == "1209600"
    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        sqs.send_message(QueueUrl=dead.url + "-not", MessageBody="x")
    with pytest.raises(sqs.exceptions.ReceiptHandleIsInvalid):
        sqs.delete_message(QueueUrl=dead.url, ReceiptHandle="x")
    with pytest.raises(sqs.exceptions.ClientError, match="shorter than 1048576 bytes"):
        sqs.send_message(QueueUrl=dead.url, MessageBody="x" * (1024 * 1024 + 1))
    sqs.send_message(QueueUrl=dead.url, MessageBody="x")
    (message,) = sqs.receive_message(QueueUrl=dead.url, VisibilityTimeout=60)["Messages"]
    assert "Messages" not in sqs.receive_message(QueueUrl=dead.url)
    sqs.change_message_visibility(QueueUrl=dead.url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
    assert sqs.receive_message(QueueUrl=dead.url)["Messages"][0]["MessageId"] == message["MessageId"]
    sqs.purge_queue(QueueUrl=dead.url)
    assert stack.queues["StepDeadLetters"].depth().in_flight == 0


def test_a_schedule_fires(s3):
    give_up = time.monotonic() + 10
    while time.monotonic() < give_up:
        listed = s3.list_objects_v2(Bucket="scrutineer-photobucket", Prefix="ticks/").get("Contents", [])
        if len(listed) >= 2:
            break
        time.sleep(0.1)
    event = json.loads(s3.get_object(Bucket="scrutineer-photobucket", Key=listed[0]["Key"])["Body"].read())
    assert (event["source"], event["detail-type"]) == ("aws.events", "Scheduled Event")
    assert event["resources"] == ["arn:aws:events:eu-west-1:000000000000:rule/scrutineer-TickFunctionEvery"]


def test_an_asynchronous_invocation_returns_before_the_function(stack):
    before = (stack.logs / "EchoFunction.log").read_text().count("END RequestId")
    stack.invoke_async("EchoFunction", {"act": "sleep", "seconds": 2})
    assert (stack.logs / "EchoFunction.log").read_text().count("END RequestId") == before
    give_up = time.monotonic() + 20
    while (stack.logs / "EchoFunction.log").read_text().count("END RequestId") == before:
        assert time.monotonic() < give_up
        time.sleep(0.05)
