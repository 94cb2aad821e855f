"""From where a request came: the last address that somebody of ours wrote down."""

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent


def client_address(event: APIGatewayProxyEvent) -> str:
    """Whom API Gateway heard the request from, where none of our proxies stands before it (its stage's `proxies`).

    X-Forwarded-For ends with that one. Each of ours put down before it whom it heard the request from itself; what
    stands before that is the client's own word.
    """
    source_ip = event.request_context.identity.source_ip or ""
    proxies = int(event.stage_variables.get("proxies", "0"))
    addresses = [address.strip() for address in event.headers.get("X-Forwarded-For", "").split(",")]
    return addresses[-1 - proxies] if 0 < proxies < len(addresses) else source_ip
