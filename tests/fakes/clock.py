"""Time that only passes when somebody sleeps."""


class FakeClock:
    """Pass `clock.now` as the clock and `clock.sleep` as the sleep; `slept` holds every pause in seconds."""

    def __init__(self) -> None:
        self._now_s = 1000.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self._now_s

    def sleep(self, pause_s: float) -> None:
        self.slept.append(pause_s)
        self._now_s += pause_s
