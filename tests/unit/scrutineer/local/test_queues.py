"""SQS's semantics in memory."""

import json
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scrutineer.local.queues import Depth, Queue, ReceiptHandleInvalid, make_queues
from scrutineer.local.template_model import QueueSpec


def spec(name="q", **attributes):
    texts = {key: str(value) for key, value in attributes.items()}
    return QueueSpec(name, name, f"http://127.0.0.1:1/000000000000/{name}", f"arn:{name}", 30, texts)


def receive(queue, count=1, wait_s=0.0, hidden_s=None):
    return queue.receive(count, wait_s=wait_s, visibility_timeout_s=hidden_s)


def test_a_received_message_is_hidden_until_its_timeout():
    queue = Queue(spec(VisibilityTimeout=1))
    queue.send("hello", attributes={"a": {"StringValue": "b", "DataType": "String"}}, group="client-1")
    (first,) = receive(queue)
    assert (first.body, first.system_attributes["ApproximateReceiveCount"]) == ("hello", "1")
    assert first.system_attributes["MessageGroupId"] == "client-1"
    assert receive(queue) == []
    assert queue.depth() == Depth(visible=0, in_flight=1, delayed=0)
    (second,) = receive(queue, wait_s=3)
    assert (second.id, second.system_attributes["ApproximateReceiveCount"]) == (first.id, "2")
    assert second.receipt != first.receipt


def test_an_outdated_receipt_deletes_nothing_and_a_foreign_one_is_refused():
    queue = Queue(spec())
    queue.send("x")
    (first,) = receive(queue, hidden_s=0)
    (second,) = receive(queue)
    queue.delete(first.receipt)
    assert queue.depth().in_flight == 1
    queue.delete(second.receipt)
    queue.delete(second.receipt)
    assert queue.depth() == Depth(0, 0, 0)
    with pytest.raises(ReceiptHandleInvalid):
        queue.delete("nonsense")


def test_visibility_can_be_changed_both_ways():
    queue = Queue(spec(VisibilityTimeout=1))
    queue.send("x")
    (message,) = receive(queue)
    queue.change_visibility(message.receipt, 60)
    assert receive(queue, wait_s=1.2) == []
    queue.change_visibility(message.receipt, 0)
    assert len(receive(queue)) == 1


def test_a_long_poll_wakes_at_once():
    queue, woken = Queue(spec()), []

    def wait():
        woken.append((receive(queue, wait_s=5), time.monotonic()))

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.1)
    sent = time.monotonic()
    queue.send("x")
    thread.join()
    assert woken[0][0]
    assert woken[0][1] - sent < 0.5


def test_a_delayed_message_comes_when_due_and_close_ends_waiting():
    queue = Queue(spec())
    queue.send("later", delay_s=1)
    assert queue.depth() == Depth(0, 0, 1)
    assert receive(queue) == []
    assert receive(queue, wait_s=3)[0].body == "later"
    threading.Timer(0.1, queue.close).start()
    start = time.monotonic()
    assert receive(queue, wait_s=20) == []
    assert time.monotonic() - start < 5


def test_too_many_receives_go_to_the_dead_letters():
    redrive = json.dumps({"deadLetterTargetArn": "arn:dead", "maxReceiveCount": 2})
    queues = make_queues([spec("q", RedrivePolicy=redrive), spec("dead")])
    sent = queues["q"].send("x")
    assert receive(queues["q"], hidden_s=0)
    assert receive(queues["q"], hidden_s=0)
    assert receive(queues["q"]) == []
    (dead,) = receive(queues["dead"])
    assert dead.id == sent
    assert dead.system_attributes["DeadLetterQueueSourceArn"] == "arn:q"
    assert queues["q"].depth() == Depth(0, 0, 0)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 60))
def test_nothing_is_lost_or_handed_out_twice_under_concurrency(senders, receivers, each):
    queue, seen, lock = Queue(spec()), [], threading.Lock()
    total = senders * each

    def receive_all():
        while True:
            messages = queue.receive(3, wait_s=2)
            with lock:
                seen.extend(message.body for message in messages)
                done = len(seen) >= total
            for message in messages:
                queue.delete(message.receipt)
            if done or not messages:
                queue.close()
                return

    threads = [threading.Thread(target=receive_all) for _ in range(receivers)]
    threads += [
        threading.Thread(target=lambda n=n: [queue.send(f"{n}-{i}") for i in range(each)]) for n in range(senders)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == sorted(f"{n}-{i}" for n in range(senders) for i in range(each))


def test_of_several_groups_each_has_its_turn():
    queue = Queue(spec())
    for n in range(6):
        queue.send(f"flood-{n}", group="flood")
    queue.send("victim-0", group="victim")
    queue.send("victim-1", group="victim")
    assert [receive(queue)[0].body for _ in range(5)] == ["flood-0", "victim-0", "flood-1", "victim-1", "flood-2"]


def test_a_group_with_less_in_flight_comes_first():
    queue = Queue(spec())
    for n in range(6):
        queue.send(f"flood-{n}", group="flood")
    held = receive(queue, 3)
    queue.send("victim-0", group="victim")
    queue.send("victim-1", group="victim")
    assert [receive(queue)[0].body for _ in range(2)] == ["victim-0", "victim-1"]
    for message in held:
        queue.delete(message.receipt)
    queue.send("victim-2", group="victim")
    assert [receive(queue)[0].body for _ in range(2)] == ["flood-3", "flood-4"], "what is done no longer counts"


def test_a_message_that_came_back_is_no_longer_in_flight():
    queue = Queue(spec())
    queue.send("a-0", group="a")
    receive(queue, hidden_s=0)
    queue.send("b-0", group="b")
    assert [receive(queue)[0].body for _ in range(2)] == ["a-0", "b-0"]


def test_one_group_is_served_in_order():
    queue = Queue(spec())
    for n in range(20):
        queue.send(str(n), group="a")
    assert [message.body for _ in range(4) for message in receive(queue, 5)] == [str(n) for n in range(20)]
