"""What must hold of every history once the faults are over and the queues are drained, whatever went wrong before.

Rules know nothing of the code under test but the names of its states; each finding begins with its rule's name.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tests.chaos.evidence import Evidence
from tests.chaos.history import Entry

VERDICTS = frozenset({"passed", "failed", "review"})
FAILURES = frozenset({"rejected", "error", "cancelled", "expired"})
FINAL = VERDICTS | FAILURES
REFUNDED = frozenset({"rejected", "error", "expired"})
ORDER = {"accepted": 0, "prechecked": 1, "inferred": 2} | dict.fromkeys(FINAL, 3)


def check(evidence: Evidence) -> list[str]:
    """All that does not hold; empty where all is well."""
    rules = (accepted_is_final, one_result, usage_adds_up, ends_are_told, one_key_one_id, all_photos_judged)
    return [f"{rule.__name__}: {each}" for rule in rules for each in rule(evidence)]


def accepted_is_final(evidence: Evidence) -> Iterator[str]:
    """I1: every id that a client was told, and every one that is stored, has come to its end."""
    states = {row["inspection_id"]: row["state"] for row in evidence.requests}
    for told in sorted(told_ids(evidence.history)):
        if told not in states:
            yield f"{told} was told to its client and is unknown"
    for entry in evidence.history:
        if entry["kind"] == "saw" and entry["status"] == 404:
            yield f"{entry['asked_for']} was told to its client and not found at {entry['at_s']} s"
    for stored, state in states.items():
        if state not in FINAL:
            yield f"{stored} is still {state}"


def one_result(evidence: Evidence) -> Iterator[str]:
    """I2: one result or failure an inspection, that of its state; no step is taken back or twice, and every answer
    ever seen of a final inspection is the same."""
    results, failures = _by_id(evidence.results, "outcome"), _by_id(evidence.failures, "outcome")
    for row in evidence.requests:
        inspection_id, state = row["inspection_id"], row["state"]
        found = results[inspection_id], failures[inspection_id]
        wanted = ([state], []) if state in VERDICTS else ([], [state]) if state in FINAL else ([], [])
        if found != wanted:
            yield f"{inspection_id} is {state} with the results {found[0]} and the failures {found[1]}"
    for inspection_id, steps in _by_id(evidence.events, "state").items():
        ranks = [ORDER[step] for step in steps]
        if ranks != sorted(set(ranks)):
            yield f"{inspection_id} went {', '.join(steps)}"
    finals = [entry for entry in _answers(evidence.history) if entry["state"] in FINAL]
    seen: dict[str, Entry] = {}
    for entry in finals:
        if seen.setdefault(entry["id"], entry)["fingerprint"] != entry["fingerprint"]:
            yield f"{entry['id']} was {seen[entry['id']]['state']} and then {entry['state']} with another answer"
    for entry in _answers(evidence.history):
        final = seen.get(entry["id"])
        if entry["state"] not in FINAL and final is not None and entry["asked_s"] > final["at_s"]:
            yield f"{entry['id']} was {final['state']} and {entry['state']} after it"


def usage_adds_up(evidence: Evidence) -> Iterator[str]:
    """I3: what is counted is what was accepted less what was refunded, below the limit, and every place is free."""
    accepted = Counter((row["client_id"], row["day"]) for row in evidence.requests)
    refunded = Counter((row["client_id"], row["day"]) for row in evidence.requests if _to_refund(row))
    counted = {(row["client_id"], row["day"]): row for row in evidence.usage_days}
    for client_id, day in sorted(accepted.keys() | counted.keys(), key=str):
        row = counted.get((client_id, day), {"accepted": 0, "refunded": 0})
        stored = accepted[client_id, day], refunded[client_id, day]
        if (row["accepted"], row["refunded"]) != stored:
            yield f"{client_id} has {row['accepted']} counted and {row['refunded']} refunded; stored are {stored}"
        limit = evidence.limits.get(client_id)
        if limit is not None and stored[0] - stored[1] > limit:
            yield f"{client_id} has {stored[0] - stored[1]} accepted of {limit} a day"
    for row in evidence.usage:
        used = accepted[row["client_id"], row["day"]] - refunded[row["client_id"], row["day"]]
        if row["day_count"] != used:
            yield f"{row['client_id']} is charged for {row['day_count']}, not for {used}"
        unfinished = sum(
            each["client_id"] == row["client_id"] and each["state"] not in FINAL for each in evidence.requests
        )
        if row["running"] != unfinished:
            yield f"{row['client_id']} holds {row['running']} places for {unfinished} inspections"


def ends_are_told(evidence: Evidence) -> Iterator[str]:
    """I4: each end is noted once, and each endpoint of its client was told of it or visibly could not be."""
    events = _by_id(evidence.events, "state")
    endpoints = _grouped(evidence.endpoints, "client_id", "endpoint_id")
    deliveries: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in evidence.deliveries:
        deliveries[row["inspection_id"], row["endpoint_id"]].append(row["state"])
    for row in evidence.requests:
        inspection_id, state = row["inspection_id"], row["state"]
        ends = [step for step in events[inspection_id] if step in FINAL]
        if ends != ([state] if state in FINAL else []):
            yield f"{inspection_id} is {state}; noted are the ends {ends}"
        for endpoint_id in endpoints[row["client_id"]] if state in FINAL else []:
            found = deliveries[inspection_id, endpoint_id]
            if found not in (["delivered"], ["dead"]):
                yield f"{inspection_id} is {state}; for {endpoint_id} there are the deliveries {found}"


def one_key_one_id(evidence: Evidence) -> Iterator[str]:
    """I5: one idempotency key of a client is one inspection, in every answer and in the table."""
    told: dict[tuple[str, str], set[str]] = defaultdict(set)
    for entry in evidence.history:
        if entry["kind"] == "told" and entry["id"] is not None:
            told[entry["client"], entry["key"]].add(entry["id"])
    stored: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in evidence.requests:
        if row["idempotency_key"] is not None:
            stored[row["client_id"], row["idempotency_key"]].add(row["inspection_id"])
    for key in sorted(told.keys() | stored.keys()):
        if len(stored[key]) > 1 or len(told[key]) > 1:
            yield f"{key} led to {sorted(stored[key] | told[key])}"


def all_photos_judged(evidence: Evidence) -> Iterator[str]:
    """No verdict on a part of the photos: each call of the endpoint carried all that were accepted."""
    photos = {row["inspection_id"]: row["photos"] for row in evidence.requests}
    for inspection_id, count in evidence.judged_on:
        if inspection_id in photos and count != photos[inspection_id]:
            yield f"{inspection_id} was judged by {count} of {photos[inspection_id]} photos"


def told_ids(history: Iterable[Entry]) -> set[str]:
    """Every id that a client was told when it posted."""
    return {entry["id"] for entry in history if entry["kind"] == "told" and entry["id"] is not None}


def _to_refund(row: Mapping[str, Any]) -> bool:
    """What docs/access.md promises: bad photos, our own failures, and what was cancelled before the model was asked."""
    return row["state"] in REFUNDED or (row["state"] == "cancelled" and bool(row["before_the_model"]))


def _answers(history: Iterable[Entry]) -> Iterator[Entry]:
    return (entry for entry in history if entry["kind"] in ("told", "saw") and entry["id"] is not None)


def _by_id(rows: Iterable[Mapping[str, Any]], column: str) -> dict[str, list[str]]:
    return _grouped(rows, "inspection_id", column)


def _grouped(rows: Iterable[Mapping[str, Any]], key: str, column: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        found[row[key]].append(row[column])
    return found
