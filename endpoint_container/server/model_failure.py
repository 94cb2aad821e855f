"""What the model raised, as what its caller is told."""

import logging

from models.errors import EndpointError
from server.log import describe, log


def as_failure(error: Exception, **told: object) -> EndpointError:
    """The error to tell; what is not one of ours is logged by type and place.

    The exception itself ends here: its traceback holds the memory of what failed, which others will need.
    """
    if isinstance(error, EndpointError):
        error.__cause__ = error.__context__ = None
        return error.with_traceback(None)
    log("model_failed", logging.ERROR, **told, **describe(error))
    return EndpointError("model_failed", "The model failed on this request.")
