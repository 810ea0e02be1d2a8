"""Body and signature agree whatever is sent: recomputed from the bytes on the wire, and accepted by the emulated manufacturer."""

import asyncio
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Protocol

import httpx
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from adapters.manufacturer.payloads import pounds
from adapters.manufacturer.signature import Credentials, GuideDialect, InterfaceDialect, SignedBody, UnsignableBodyError
from dev.emulators.manufacturer.app import create_app
from dev.emulators.manufacturer.settings import ManufacturerEmulatorSettings

CREDENTIALS = Credentials("EXAMPLE-ACCOUNT", SecretStr("EXAMPLE-PASSWORD"), SecretStr("EXAMPLE-FIXED-VALUE"))
GUIDE, INTERFACE = GuideDialect(CREDENTIALS), InterfaceDialect(CREDENTIALS)
DIALECTS = pytest.mark.parametrize("dialect", [GUIDE, INTERFACE], ids=["guide", "interface"])
ENDING = {"guide": "EXAMPLE-FIXED-VALUE", "interface": "mobileShellEXAMPLE-FIXED-VALUE"}

texts = st.one_of(
    st.text(max_size=12),
    st.text(alphabet='"\\/\b\f\n\r\t\x00\x1f\x7f\u2028', max_size=6),
    st.text(alphabet="e\u0301\u200d\ufe0f\U0001f468\U0001f4f1手机壳\ufeff\uffff", max_size=6),
)
"""Any text; what JSON escapes; combining and joined characters, beyond the basic plane and at its edges."""
decimals = st.one_of(
    st.decimals(allow_nan=False, allow_infinity=False),
    st.integers(min_value=0, max_value=10**9).map(pounds),
    st.builds(Decimal, st.integers(-99, 99).map(lambda exponent: f"1E{exponent}")),
)
scalars = st.one_of(texts, st.integers(), decimals)
nested = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=8
)
names = texts.filter(lambda name: name not in {"account", "password", "sign"})
bodies = st.dictionaries(names, scalars, max_size=6)
nested_bodies = st.dictionaries(names, nested, max_size=6)
SURROGATE = st.characters(categories=["Cs"])
UNSENDABLE = st.one_of(
    st.none(),
    st.booleans(),
    st.floats(),
    st.sampled_from([Decimal("NaN"), Decimal("-Infinity")]),
    st.binary(max_size=3),
    st.tuples(texts, SURROGATE, texts).map("".join),
)


class Number(str):
    """A number in the writing in which it stands in the text."""

    __slots__ = ()


def read(content: bytes) -> Any:
    """Parse a body as the other side would, keeping each number as it was written."""
    return json.loads(content.decode(), parse_int=Number, parse_float=Number)


def utf_16_units(text: str) -> list[int]:
    units = text.encode("utf-16-be")
    return [int.from_bytes(units[start : start + 2], "big") for start in range(0, len(units), 2)]


def scalars_in_order(body: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is signed of an object, in the order in which it is."""
    return [(key, str(body[key])) for key in sorted(body, key=utf_16_units) if isinstance(body[key], str)]


def recomputed(dialect: str, content: bytes) -> str:
    """The signature of a body, from nothing but its text and the fixed key."""
    body = read(content)
    signed = body[0] if isinstance(body, list) and body and isinstance(body[0], dict) else body
    pairs = scalars_in_order(signed) if isinstance(signed, dict) else []
    if dialect == "guide":
        text = "".join(key + value for key, value in pairs if key != "sign")
    else:
        text = "".join(value for _, value in pairs)
    return hashlib.md5((text + ENDING[dialect]).encode()).hexdigest()


def numbers_in(body: Any) -> Iterator[Number]:
    if isinstance(body, Number):
        yield body
    elif isinstance(body, dict | list):
        for item in body.values() if isinstance(body, dict) else body:
            yield from numbers_in(item)


def same(sent: Any, arrived: Any) -> bool:
    """Whether what arrived means what was sent."""
    match sent:
        case str():
            return not isinstance(arrived, Number) and arrived == sent
        case int() | Decimal():
            return isinstance(arrived, Number) and Decimal(arrived) == sent
        case dict():
            return arrived.keys() == sent.keys() and all(same(value, arrived[key]) for key, value in sent.items())
        case _:
            return len(arrived) == len(sent) and all(map(same, sent, arrived))


class TestBodyAndSignatureAgree:
    @given(bodies)
    def test_the_guide_signature_can_be_recomputed_from_the_bytes_that_are_sent(self, fields: dict[str, Any]) -> None:
        content = GUIDE.sign(fields).content
        assert read(content)["sign"] == recomputed("guide", content)

    @given(st.one_of(nested_bodies, st.lists(names, max_size=4), st.lists(nested_bodies, max_size=3)))
    def test_the_interface_signature_can_be_recomputed_from_the_bytes_that_are_sent(self, body: Any) -> None:
        signed = INTERFACE.sign_body(body)
        assert signed.headers["sign"] == recomputed("interface", signed.content)

    @given(nested_bodies)
    def test_every_value_arrives_unchanged_and_no_number_has_an_exponent(self, fields: dict[str, Any]) -> None:
        body = read(INTERFACE.sign(fields).content)
        assert same(fields, body)
        assert all(re.fullmatch(r"-?\d+(\.\d+)?", number) for number in numbers_in(body))

    @given(st.permutations(["pay_amount", "pay_type", "third_id", "名", "\U0001f4f1", "\uff5e"]))
    def test_the_order_in_which_fields_are_given_changes_not_a_byte(self, keys: list[str]) -> None:
        fields = {key: f"value of {key}" for key in keys}
        sorted_fields = {key: fields[key] for key in sorted(fields)}
        for dialect in (GUIDE, INTERFACE):
            given_order, other_order = dialect.sign(fields), dialect.sign(sorted_fields)
            assert (given_order.content, given_order.headers) == (other_order.content, other_order.headers)

    @given(bodies, bodies)
    def test_credentials_are_ours_whoever_names_others(self, fields: dict[str, Any], claimed: dict[str, Any]) -> None:
        content = GUIDE.sign({**fields, "account": "somebody else", "password": str(claimed)}).content
        body = read(content)
        assert (body["account"], body["password"]) == ("EXAMPLE-ACCOUNT", "EXAMPLE-PASSWORD")
        assert body["sign"] == recomputed("guide", content)


class TestWhatIsNeverSent:
    @DIALECTS
    @given(fields=bodies, key=st.from_regex(r"[a-z_]+", fullmatch=True), value=UNSENDABLE)
    def test_a_null_a_float_or_broken_text_is_refused_by_the_name_of_its_field(
        self, dialect: GuideDialect | InterfaceDialect, fields: dict[str, Any], key: str, value: Any
    ) -> None:
        with pytest.raises(UnsignableBodyError, match=key):
            dialect.sign({**fields, key: value})

    @given(fields=nested_bodies, key=names, value=UNSENDABLE, path=st.lists(st.sampled_from(["list", "object"]), min_size=1))
    def test_neither_is_it_sent_deep_inside(self, fields: dict[str, Any], key: str, value: Any, path: list[str]) -> None:
        for step in path:
            value = [value] if step == "list" else {"inner": value}
        for body in ({**fields, key: value}, [{**fields, key: value}]):
            with pytest.raises(UnsignableBodyError):
                INTERFACE.sign_body(body)

    @DIALECTS
    @given(key=st.tuples(names, SURROGATE, names).map("".join))
    def test_a_lone_surrogate_in_a_name_is_refused_in_words(self, dialect: GuideDialect | InterfaceDialect, key: str) -> None:
        with pytest.raises(UnsignableBodyError, match="lone surrogate") as caught:
            dialect.sign({key: "value"})
        assert str(caught.value).isprintable()

    @given(nested_bodies)
    def test_a_nested_value_is_never_half_signed_in_the_guide_dialect(self, fields: dict[str, Any]) -> None:
        assume(any(isinstance(value, dict | list) for value in fields.values()))
        with pytest.raises(UnsignableBodyError, match="cannot sign an array or an object"):
            GUIDE.sign(fields)


class TestPounds:
    @given(st.integers(min_value=0, max_value=10**12))
    @example(0)
    @example(10)
    @example(3500)
    @example(4299)
    def test_pence_are_the_shortest_number_of_pounds_with_one_digit_after_the_point(self, pence: int) -> None:
        text = read(INTERFACE.sign({"pay_amount": pounds(pence)}).content)["pay_amount"]
        assert Decimal(text) * 100 == pence
        assert re.fullmatch(r"(0|[1-9]\d*)\.(\d|\d[1-9])", text), text


class Post(Protocol):
    def __call__(self, operation: str, body: SignedBody, **headers: str) -> dict[str, Any]:
        """The answer to one call."""


@pytest.fixture(scope="module", params=["guide", "interface"])
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def post(dialect: str) -> Iterator[Post]:
    """Sends bodies to an emulated manufacturer that speaks this dialect, in this process."""
    app = create_app(ManufacturerEmulatorSettings.model_validate({"dialect": dialect}))
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=True)
    with asyncio.Runner() as runner:
        http = httpx.AsyncClient(transport=transport, base_url="http://partner.test/mobileShell/en", trust_env=False)

        def post(operation: str, body: SignedBody, **headers: str) -> dict[str, Any]:
            all_headers = {"Content-Type": "application/json", **body.headers, **headers}
            response = runner.run(http.post(f"/{operation}", content=body.content, headers=all_headers))
            assert response.status_code == 200
            answer: dict[str, Any] = response.json()
            return answer

        yield post
        runner.run(http.aclose())


@pytest.fixture(scope="module")
def authorization(dialect: str, post: Post) -> dict[str, str]:
    """The headers of a caller who has logged in, where that is needed."""
    if dialect == "guide":
        return {}
    return {"Authorization": post("user/login", INTERFACE.sign_login())["data"]["token"]}


served = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


class TestTheManufacturer:
    @served
    @given(data=st.data())
    def test_accepts_the_signature_of_every_body(
        self, dialect: str, post: Post, authorization: dict[str, str], data: st.DataObject
    ) -> None:
        fields: dict[str, Any] = data.draw(bodies if dialect == "guide" else nested_bodies)
        signed = (GUIDE if dialect == "guide" else INTERFACE).sign(fields)
        assert post("brand/list", signed, **authorization)["code"] == 200

    @served
    @given(data=st.data(), wanted=st.lists(names.filter(lambda name: "," not in name and name.strip()), min_size=1, max_size=5))
    def test_accepts_every_list_of_references(
        self, dialect: str, post: Post, authorization: dict[str, str], data: st.DataObject, wanted: list[str]
    ) -> None:
        signed = (GUIDE if dialect == "guide" else INTERFACE).sign_references(wanted)
        assert post("order/getPayStatus", signed, **authorization) == {"msg": "操作成功", "code": 200, "data": []}

    @served
    @given(data=st.data())
    def test_refuses_every_body_of_which_one_character_was_changed(
        self, dialect: str, post: Post, authorization: dict[str, str], data: st.DataObject
    ) -> None:
        fields = data.draw(st.dictionaries(names, st.text(alphabet="abc", min_size=1), min_size=1, max_size=4))
        signed = (GUIDE if dialect == "guide" else INTERFACE).sign(fields)
        key = data.draw(st.sampled_from(sorted(fields)))
        body = json.loads(signed.content)
        forged = json.dumps({**body, key: "x" + body[key][1:]}).encode()
        answer = post("brand/list", SignedBody(content=forged, headers=signed.headers), **authorization)
        assert answer == {"msg": "data signature failed", "code": 500}
