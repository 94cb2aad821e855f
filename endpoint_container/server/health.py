"""What state the server is in; SageMaker sees it through /ping."""

import threading
from enum import StrEnum

from server.log import log


class State(StrEnum):
    """STARTING: weights are loading or the self-test runs. READY: idle. BUSY: the model is at work.

    SETUP_FAILED: the model could not be loaded. DEFUNCT: broken for good, or told to stop.
    """

    STARTING = "STARTING"
    READY = "READY"
    BUSY = "BUSY"
    SETUP_FAILED = "SETUP_FAILED"
    DEFUNCT = "DEFUNCT"


SERVING = frozenset({State.READY, State.BUSY})
NEXT: dict[State, frozenset[State]] = {
    State.STARTING: frozenset({State.READY, State.SETUP_FAILED, State.DEFUNCT}),
    State.READY: frozenset({State.BUSY, State.DEFUNCT}),
    State.BUSY: frozenset({State.READY, State.DEFUNCT}),
    State.SETUP_FAILED: frozenset(),
    State.DEFUNCT: frozenset(),
}


class Health:
    """The current state. Moves that NEXT does not list are ignored, so SETUP_FAILED and DEFUNCT are final."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._state = State.STARTING

    @property
    def state(self) -> State:
        return self._state

    @property
    def serving(self) -> bool:
        return self._state in SERVING

    def move(self, to: State) -> bool:
        """Enter a state if that is allowed from the current one; says whether it was."""
        with self._lock:
            allowed = to in NEXT[self._state]
            before, self._state = self._state, to if allowed else self._state
        if allowed and not {before, to} <= SERVING:
            log("health", state=to.value, before=before.value)
        return allowed
