"""Answers by the key's name, so that a test can have every kind of answer."""


def handler(event, context):
    headers = {name.lower(): value for name, value in event["headers"].items()}
    key = headers.get("x-api-key") or headers.get("authorization", "").removeprefix("Bearer ") or "unauthorized"
    if key == "unauthorized":
        raise Exception("Unauthorized")
    if key == "broken":
        raise RuntimeError("no such thing")
    if key == "malformed":
        return {"principalId": "someone"}
    arn = event["methodArn"]
    api = "/".join(arn.split("/")[:2])
    return {
        "principalId": "client-1",
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Action": "execute-api:Invoke",
                    "Effect": "Deny" if key == "denied" else "Allow",
                    "Resource": f"{api}/GET/*" if key == "readonly" else f"{api}/*",
                }
            ],
        },
        "context": {"client": "client-1", "tries": 3, "trusted": True},
        "usageIdentifierKey": usage_key(key),
    }


def usage_key(key):
    """`plan:X` names the usage key X, so that a test can name one of its own."""
    if key == "planless":
        return "nobody"
    named = key.removeprefix("plan:")
    return named if named != key else f"{'slow' if key == 'slow' else 'fast'}-usage-key-0123456789"
