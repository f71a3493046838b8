"""Writes signed_json.json beside itself: values of sealkit's own format `signed-json`, made from its description alone.

value = "sj1." || base64url, not padded, of HMAC-SHA-256(key, "sj1." || JSON) || "." || JSON
key   = HKDF-SHA-256(ikm = password, salt = none, info = "sealkit signed-json v1"), 32 bytes

The payloads are those of unsealed.json. Run it again only for a new version of the format: the file is what is fixed.
"""

import base64
import hashlib
import hmac
import json
import pathlib

HERE = pathlib.Path(__file__).parent
PASSWORD = "cookie-password-for-tests-only-0123456789"


def b64(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def key_of(password, info=b"sealkit signed-json v1"):
    # RFC 5869 with a salt of zeros; one block of output is 32 bytes.
    extracted = hmac.new(bytes(32), password.encode(), hashlib.sha256).digest()
    return hmac.new(extracted, info + b"\x01", hashlib.sha256).digest()


def sign(text, key=None, version="sj1.", covered=None):
    covered = version if covered is None else covered
    mac = hmac.new(key or key_of(PASSWORD), (covered + text).encode(), hashlib.sha256).digest()
    return f"{version}{b64(mac)}.{text}"


def vector(name, value, expect="ok", classes=(), plaintext=None, password=PASSWORD, note=""):
    return {
        "id": f"signed-json-{name}",
        "format": "signed-json",
        "payload_style": "camel",
        "made_by": "layout",
        "password": password,
        "password_map": None,
        "cookie_name": "wos-session",
        "cookie_value": value,
        "set_cookie_value": None,
        "payload": None if plaintext is None else json.loads(plaintext),
        "plaintext": plaintext,
        "now_ms": None,
        "expect": expect,
        "expect_any": list(classes),
        "note": note,
    }


def good():
    unsealed = json.loads((HERE / "unsealed.json").read_text(encoding="utf-8"))["vectors"]
    texts = {v["id"].removeprefix("plain-json-nextjs-"): v["plaintext"] for v in unsealed if "nextjs" in v["id"]}
    return {
        "ascii": texts["basic"],
        "unicode_semicolon": texts["unicode_semicolon"],
        "quotes": json.dumps(
            {"accessToken": "a.b.c", "user": {"id": "user_1", "firstName": 'Ann "; \\ \r\n\t%3B, =\u0000', "lastName": "Łukasiewicz 🦀"}},
            ensure_ascii=False,
            separators=(",", ":"),
        ),
        "impersonator": texts["impersonator"],
        "metadata_case": texts["metadata_case"],
        "big": texts["big"],
    }


def bad(text):
    value, forged = sign(text), ["tampered", "wrong_password"]
    mac, body = value[4:47], value[48:]
    flipped = ("B" if mac[0] == "A" else "A") + mac[1:]
    # The last character of a MAC carries four bits; the other two of it must be zero.
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    loose = mac[:-1] + alphabet[alphabet.index(mac[-1]) | 1]
    shape = ["malformed"]
    yield vector("neg-payload", value.replace('"user_', '"usor_'), "tampered", forged)
    yield vector("neg-space-added", f"sj1.{mac}. {body}", "tampered", forged, note="the same JSON value in another spelling")
    yield vector("neg-mac", f"sj1.{flipped}.{body}", "tampered", forged)
    yield vector("neg-mac-trailing-bits", f"sj1.{loose}.{body}", "malformed", shape, note="the same bytes, not canonical")
    yield vector("neg-mac-padded", f"sj1.{mac}=.{body}", "malformed", shape)
    yield vector("neg-mac-empty", f"sj1..{body}", "malformed", shape)
    yield vector("neg-other-version", "sj2" + value[3:], "malformed", shape)
    yield vector("neg-version-signed", sign(text, version="sj2."), "malformed", shape, note="a version that there is not")
    yield vector("neg-version-not-covered", sign(text, covered=""), "tampered", forged, note="a MAC over the JSON alone")
    yield vector("neg-upper-case-version", "SJ1" + value[3:], "malformed", shape)
    yield vector("neg-no-version", value[4:], "malformed", shape)
    yield vector("neg-wrong-password", value, "wrong_password", forged, password="another-cookie-password-for-tests-0123456789")
    yield vector("neg-password-as-key", sign(text, PASSWORD.encode()), "tampered", forged, note="no derivation")
    yield vector("neg-other-label", sign(text, key_of(PASSWORD, b"sealkit other v1")), "tampered", forged)
    yield vector("neg-truncated-payload", value[:-20], "truncated", ["truncated", *forged])
    yield vector("neg-truncated-mac", value[:30], "truncated", ["truncated"])
    yield vector("neg-truncated-before-payload", value[:47], "truncated", ["truncated"])
    yield vector("neg-empty", "", "malformed", shape)
    yield vector("neg-json-null", sign("null"), "not_a_session", ["not_a_session"])
    yield vector("neg-json-empty-object", sign("{}"), "not_a_session", ["not_a_session"])


texts = good()
assert '"user_' in texts["ascii"]
vectors = [vector(name, sign(text), plaintext=text) for name, text in texts.items()]
vectors += bad(texts["ascii"])
out = json.dumps({"schema": 1, "set": "signed_json", "vectors": vectors}, ensure_ascii=False, indent=1)
(HERE / "signed_json.json").write_text(out + "\n", encoding="utf-8")
