"""What the command tells apart: a mistake that the person at the keyboard can mend, and everything else."""


class UserError(Exception):
    """One line on what is wrong and what to do about it."""


class RequestFailed(UserError):
    """The gateway answered with a problem; `problem` is its problem+json body."""

    def __init__(self, status: int, problem: dict[str, object]) -> None:
        self.status = status
        self.problem = problem
        code, detail = problem.get("code", "unknown"), problem.get("detail", "no detail was given")
        field = f" (field {problem['field']})" if problem.get("field") else ""
        super().__init__(f"{status} {code}: {detail}{field}")
