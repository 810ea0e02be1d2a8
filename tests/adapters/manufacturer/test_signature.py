"""The signature of both dialects, held to recorded vectors; what holds for every body is in test_wire.py."""

import hashlib
import json
from decimal import Decimal
from typing import Any, Literal

import pytest
from pydantic import SecretStr

from adapters.manufacturer.signature import (
    Credentials,
    Fields,
    GuideDialect,
    InterfaceDialect,
    UnsignableBodyError,
    dialect_for,
)
from config.groups import ManufacturerSettings

CREDENTIALS = Credentials("EXAMPLE-ACCOUNT", SecretStr("EXAMPLE-PASSWORD"), SecretStr("EXAMPLE-FIXED-VALUE"))
GUIDE = GuideDialect(CREDENTIALS)
INTERFACE = InterfaceDialect(CREDENTIALS)


def pay_data(pay_type: int) -> Fields:
    return {
        "mobile_model_id": "MM0001",
        "device_id": "DEV000000001",
        "third_id": "PYEN260101000001",
        "pay_amount": Decimal("35.0"),
        "pay_type": pay_type,
    }


ORDER_DATA: Fields = {
    "third_pay_id": "PYEN260101000001",
    "third_id": "OREN260101000002",
    "mobile_model_id": "MM0001",
    "mobile_shell_id": "MS0001",
    "pic": "https://img.example/a.png?token=1:x:y",
    "device_id": "DEV000000001",
}


class TestGoldenVectors:
    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            (pay_data(10), "7c6d6b0da250b086d4744de5c8436a11"),
            (ORDER_DATA, "79554c6596923584396ccfc10c2b055c"),
            ({}, "268f3de913c7aecb1c7e24b1c81a3abf"),
        ],
        ids=["payData", "orderData", "empty"],
    )
    def test_the_guide_dialect_signs_keys_and_values_including_the_credentials(self, fields: Fields, expected: str) -> None:
        assert json.loads(GUIDE.sign(fields).content)["sign"] == expected

    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({"user_id": "U1", "page": 1, "rows": 10}, "9aea63fbfc64440d0583b67d647048e8"),
            (pay_data(12), "aacc9f90387eb3b01fbee1078a5a3b1a"),
            (ORDER_DATA, "8710a5d89e4f185bd92868389e52bffd"),
            ({}, "43271d4a06ac647b35f2ac96d568a047"),
        ],
        ids=["paging", "payData", "orderData", "empty"],
    )
    def test_the_interface_dialect_signs_values_and_the_system_name(self, fields: Fields, expected: str) -> None:
        assert INTERFACE.sign(fields).headers == {"sign": expected, "req_source": "en"}

    def test_a_list_of_references_signs_like_an_empty_object(self) -> None:
        signed = INTERFACE.sign_references(["PYEN260101000001", "PYEN260101000002"])
        assert signed.content == b'["PYEN260101000001","PYEN260101000002"]'
        assert signed.headers["sign"] == "43271d4a06ac647b35f2ac96d568a047"


class TestGuide:
    def test_the_body_carries_account_password_and_sign_and_nothing_travels_in_headers(self) -> None:
        signed = GUIDE.sign({"page": 1})
        assert json.loads(signed.content).keys() == {"account", "password", "page", "sign"}
        assert signed.headers == {}

    def test_references_travel_comma_joined_in_third_id(self) -> None:
        body = json.loads(GUIDE.sign_references(["OREN260101000001", "OREN260101000002"]).content)
        assert body["third_id"] == "OREN260101000001,OREN260101000002"

    def test_a_nested_value_is_refused_because_nothing_says_how_it_is_signed(self) -> None:
        with pytest.raises(UnsignableBodyError, match="goods"):
            GUIDE.sign({"goods": {"id": "G1"}})


class TestInterface:
    def test_nested_values_are_sent_but_not_signed(self) -> None:
        plain = INTERFACE.sign({"third_id": "PYEN1"})
        nested = INTERFACE.sign({"third_id": "PYEN1", "lines": [{"id": "G1"}], "extra": {"a": 1}})
        assert nested.headers == plain.headers
        assert json.loads(nested.content) == {"extra": {"a": 1}, "lines": [{"id": "G1"}], "third_id": "PYEN1"}

    def test_a_list_of_objects_signs_its_first_object_alone(self) -> None:
        first: Fields = {"third_id": "OREN1", "status": 8}
        second: Fields = {"third_id": "OREN2", "status": 9}
        assert INTERFACE.sign_body([first, second]).headers == INTERFACE.sign(first).headers


class TestLexemes:
    @pytest.mark.parametrize(
        ("value", "lexeme"),
        [
            (35, "35"),
            (Decimal("35.0"), "35.0"),
            (Decimal("42.99"), "42.99"),
            (Decimal("0.0"), "0.0"),
            (Decimal("1E+20"), "100000000000000000000"),
            (Decimal("0.00000001"), "0.00000001"),
        ],
    )
    def test_a_number_is_signed_as_it_stands_in_the_text_and_never_as_an_exponent(
        self, value: int | Decimal, lexeme: str
    ) -> None:
        signed = INTERFACE.sign({"pay_amount": value})
        assert signed.content == f'{{"pay_amount":{lexeme}}}'.encode()
        assert signed.headers["sign"] == hashlib.md5(f"{lexeme}mobileShellEXAMPLE-FIXED-VALUE".encode()).hexdigest()

    def test_text_is_sent_as_utf_8_and_signed_unescaped(self) -> None:
        signed = INTERFACE.sign({"name": 'Zoë "手机壳" \\ 📱'})
        assert "手机壳".encode() in signed.content
        assert signed.headers["sign"] == hashlib.md5('Zoë "手机壳" \\ 📱mobileShellEXAMPLE-FIXED-VALUE'.encode()).hexdigest()

    def test_keys_are_sorted_by_utf_16_code_unit(self) -> None:
        """A key beyond the basic plane sorts before U+FF5E in code units and after it in code points."""
        signed = INTERFACE.sign({"～": "second", "📱": "first"})
        assert signed.headers["sign"] == hashlib.md5(b"firstsecondmobileShellEXAMPLE-FIXED-VALUE").hexdigest()

    @pytest.mark.parametrize(
        "value", [None, True, 35.0, Decimal("NaN"), Decimal("Infinity"), b"x", "\ud800", [None], {"a": None}]
    )
    @pytest.mark.parametrize("dialect", [GUIDE, INTERFACE], ids=["guide", "interface"])
    def test_what_cannot_be_verified_is_never_sent(self, dialect: GuideDialect | InterfaceDialect, value: Any) -> None:
        with pytest.raises(UnsignableBodyError):
            dialect.sign({"pay_amount": value})

    def test_an_error_names_the_field_and_not_its_value(self) -> None:
        with pytest.raises(UnsignableBodyError, match="pay_amount") as caught:
            GUIDE.sign({"pay_amount": 12.345})  # type: ignore[dict-item]
        assert "12.345" not in str(caught.value)


class TestLogin:
    def test_it_sends_account_and_password_in_both_dialects(self) -> None:
        for dialect in (GUIDE, INTERFACE):
            body = json.loads(dialect.sign_login().content)
            assert (body["account"], body["password"]) == ("EXAMPLE-ACCOUNT", "EXAMPLE-PASSWORD")

    def test_the_interface_dialect_signs_it_like_any_other_body(self) -> None:
        text = "EXAMPLE-ACCOUNTEXAMPLE-PASSWORDmobileShellEXAMPLE-FIXED-VALUE"
        assert INTERFACE.sign_login().headers["sign"] == hashlib.md5(text.encode()).hexdigest()


class TestSecrets:
    def test_no_secret_stands_in_a_representation(self) -> None:
        shown = f"{CREDENTIALS!r} {GUIDE.sign(ORDER_DATA)!r} {INTERFACE.sign(ORDER_DATA)!r}"
        assert "EXAMPLE-PASSWORD" not in shown
        assert "EXAMPLE-FIXED-VALUE" not in shown

    def test_the_fixed_key_is_never_sent(self) -> None:
        for dialect in (GUIDE, INTERFACE):
            signed = dialect.sign(ORDER_DATA)
            assert b"EXAMPLE-FIXED-VALUE" not in signed.content
            assert "EXAMPLE-FIXED-VALUE" not in signed.headers.values()


def settings(dialect: Literal["guide", "interface"], system_name: str = "mobileShell") -> ManufacturerSettings:
    return ManufacturerSettings(
        base_url="http://127.0.0.1/mobileShell/en",
        dialect=dialect,
        account="EXAMPLE-ACCOUNT",
        password=SecretStr("EXAMPLE-PASSWORD"),
        fixed_key=SecretStr("EXAMPLE-FIXED-VALUE"),
        system_name=system_name,
        default_device_id="DEV000000001",
    )


class TestChoice:
    def test_the_settings_name_the_dialect(self) -> None:
        assert dialect_for(settings("guide")).sign(ORDER_DATA) == GUIDE.sign(ORDER_DATA)
        assert dialect_for(settings("interface")).sign(ORDER_DATA) == INTERFACE.sign(ORDER_DATA)

    def test_the_system_name_is_a_setting(self) -> None:
        signed = dialect_for(settings("interface", system_name="otherShell")).sign({})
        assert signed.headers["sign"] == hashlib.md5(b"otherShellEXAMPLE-FIXED-VALUE").hexdigest()
