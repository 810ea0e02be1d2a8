"""Stripe's form encoding: `line_items[0][price_data][currency]=gbp` becomes nested objects and lists, checked by a model."""

from collections.abc import Iterable
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from dev.emulators.state import Document
from dev.emulators.stripe.errors import StripeApiError


class Params(BaseModel):
    """Parameters, whole or a nested hash: what is not named is refused, as the real API does."""

    model_config = ConfigDict(extra="forbid", frozen=True)


P = TypeVar("P", bound=Params)


def decode_form(pairs: Iterable[tuple[str, str]]) -> Document:
    """Nest `a[b][0]=c` as `{"a": {"b": ["c"]}}`.

    A hash whose keys are all numbers is a list, in the order of the numbers; metadata is always a hash, without its empty values.
    """
    root: Document = {}
    for name, value in pairs:
        path = name.replace("]", "").split("[")
        node = root
        for key in path[:-1]:
            child = node.setdefault(key, {})
            if not isinstance(child, dict):
                raise _invalid(f"Invalid parameter: {name} is a value and a hash at once.", name)
            node = child
        node[path[-1] or str(len(node))] = value
    return {name: _with_lists(name, value) for name, value in root.items()}


def parse_params(model: type[P], raw: Document) -> P:
    """`raw` as `model`; StripeApiError in Stripe's own words for what does not fit."""
    _refuse_empty(raw, "")
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise _in_stripes_words(error.errors()[0]) from error


def _with_lists(name: str, value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if name == "metadata":
        return {key: text for key, text in value.items() if text != ""}
    nested = {key: _with_lists(key, child) for key, child in value.items()}
    if nested and all(key.isdigit() for key in nested):
        return [nested[key] for key in sorted(nested, key=int)]
    return nested


def _refuse_empty(value: Any, name: str) -> None:
    if value == "":
        raise _invalid(
            f"You passed an empty string for '{name}'. We assume empty values are an attempt to unset a parameter; however"
            f" '{name}' cannot be unset. You should remove '{name}' from your request or supply a non-empty value.",
            name,
            code="parameter_invalid_empty",
        )
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        _refuse_empty(child, f"{name}[{key}]" if name else str(key))


def _in_stripes_words(error: ErrorDetails) -> StripeApiError:
    # A union adds the name of the branch that it tried: not a part of the parameter's name.
    names = [str(part) for part in error["loc"] if not (isinstance(part, str) and (part[:1].isupper() or part == "int"))]
    param = names[0] + "".join(f"[{name}]" for name in names[1:]) if names else "request"
    match error["type"]:
        case "extra_forbidden":
            return _invalid(f"Received unknown parameter: {param}", param, code="parameter_unknown")
        case "missing":
            return _invalid(f"Missing required param: {param}.", param, code="parameter_missing")
        case "int_parsing" | "int_type":
            return _invalid(f"Invalid integer: {error['input']}", param, code="parameter_invalid_integer")
        case "literal_error":
            return _invalid(f"Invalid {param}: must be one of {error['ctx']['expected']}", param)
        case _:
            return _invalid(f"Invalid {param}: {error['msg']}", param)


def _invalid(message: str, param: str, code: str | None = None) -> StripeApiError:
    return StripeApiError(message, code=code, param=param, before_execution=True)
