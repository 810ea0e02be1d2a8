"""What every error answers: RFC 9457 problem details, whose `detail` the storefront shows to the customer as it is."""

from pydantic import BaseModel


class Problem(BaseModel):
    """An error body, `application/problem+json`.

    Attributes:
        type: `about:blank`: the status says which kind of problem it is (RFC 9457, section 4.2.1).
        title: The status in words.
        detail: What went wrong and what to do about it, in plain words.
        code: The same for programs: `price_changed`, `rate_limited`.
    """

    type: str
    title: str
    status: int
    detail: str
    code: str


class RefusalProblem(Problem):
    """Why an order cannot be taken as asked; `facts` are the numbers and names behind `detail`."""

    facts: dict[str, str | int | float]


class FieldProblem(BaseModel):
    """One field of a request that is missing or wrong; `field` is its path, `message` a sentence."""

    field: str
    message: str


class ValidationProblem(Problem):
    """A request that was not understood, field by field."""

    errors: list[FieldProblem]
