"""Answers by the key's name, so that a test can have every kind of answer."""


def handler(event, context):
    key = next(value for name, value in event["headers"].items() if name.lower() == "x-api-key")
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
        "usageIdentifierKey": "nobody"
        if key == "planless"
        else f"{'slow' if key == 'slow' else 'fast'}-usage-key-0123456789",
    }
