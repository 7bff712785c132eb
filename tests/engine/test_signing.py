"""A key that is a pair signs a token for each call and never travels itself."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

from ve_magics.dialects.contract import WireRequest
from ve_magics.engine.calling import wire_call
from ve_magics.engine.keychain import KeyChain
from ve_magics.engine.keys import Redactor, Secret
from ve_magics.engine.signing import key_headers
from ve_magics.providers import PROVIDERS, Provider

KLING = PROVIDERS["kling"]
PAIR = Secret("access-key-1:secret-key-2", "a test")


def opened(part: str) -> dict[str, object]:
    value: dict[str, object] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return value


def test_a_pair_signs_a_token_that_is_good_for_half_an_hour() -> None:
    """HS256 over head and claims: who calls, from five seconds ago until half an hour from now."""
    ((name, value),) = key_headers(KLING, PAIR, clock=lambda: 1_790_000_000.9)
    kind, token = value.split(" ")
    head, claims, signature = token.split(".")
    assert (name, kind) == ("authorization", "Bearer")
    assert opened(head) == {"alg": "HS256", "typ": "JWT"}
    assert opened(claims) == {"iss": "access-key-1", "exp": 1_790_001_800, "nbf": 1_789_999_995}
    expected = hmac.new(b"secret-key-2", f"{head}.{claims}".encode(), hashlib.sha256).digest()
    assert base64.urlsafe_b64decode(signature + "=") == expected
    assert "=" not in token


def test_a_plain_key_travels_as_a_bearer() -> None:
    """Gateways that speak the same interface give out plain keys."""
    assert key_headers(KLING, Secret("plain-key-3", "a test")) == (("authorization", "Bearer plain-key-3"),)
    assert key_headers(KLING, Secret("", "a test")) == ()


def test_a_colon_means_nothing_to_other_providers() -> None:
    """Only a provider that wants tokens gets them."""
    other = Provider(name="p", base_url="https://p.test/v1")
    assert key_headers(other, PAIR) == (("authorization", "Bearer access-key-1:secret-key-2"),)


def test_a_call_carries_the_token_and_not_the_pair() -> None:
    """What goes over the wire holds no half that could sign another token."""
    call = wire_call(WireRequest("/v1/videos/text2video"), KLING, PAIR)
    assert dict(call.headers)["authorization"].count(".") == 2
    assert "secret-key-2" not in repr(call.headers)


def test_the_halves_may_stand_in_two_variables() -> None:
    """Both have to be set; the plain key comes first."""
    environ = {"KLING_ACCESS_KEY": "access-key-1", "KLING_SECRET_KEY": " secret-key-2 "}
    found = KeyChain(environ, lambda _: None).found("kling", (), KLING.key_names)
    assert [key.reveal() for key in found if isinstance(key, Secret)] == ["access-key-1:secret-key-2"]
    alone = KeyChain({"KLING_ACCESS_KEY": "access-key-1"}, lambda _: None)
    assert alone.found("kling", (), KLING.key_names) == []


def test_each_half_of_a_pair_is_kept_out_of_texts() -> None:
    """The half that signs is as secret as the whole."""
    redactor = Redactor([PAIR])
    assert redactor.text("access-key-1:secret-key-2 and secret-key-2") == "[key] and [key]"
    assert redactor.knows(b"x secret-key-2 y")
