"""The SDK against `sealkit dev`, whose first line lies in dev.json; it suits every version of the SDK."""

import json
import os
import urllib.error
import urllib.parse
import urllib.request

from workos import WorkOSClient

with open("dev.json") as file:
    dev = json.load(file)

password = os.environ["WORKOS_COOKIE_PASSWORD"]
workos = WorkOSClient(
    api_key=dev["api_key"],
    client_id=dev["client_id"],
    base_url=dev["idp_url"] + "/",
)


class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def code_from_callback():
    """Signs Ada in and takes the code out of the address that her browser is sent to."""
    url = workos.user_management.get_authorization_url(
        provider="authkit",
        redirect_uri="http://localhost:3000/callback",
        login_hint="ada@example.com",
    )
    try:
        urllib.request.build_opener(Stay).open(url)
    except urllib.error.HTTPError as redirect:
        callback = urllib.parse.urlsplit(redirect.headers["location"])
        return urllib.parse.parse_qs(callback.query)["code"][0]
    raise RuntimeError("nobody was redirected: say --auto-approve")


def load(cookie):
    """What 5 calls `sealed_session`, 6 and later call `session_data`."""
    load_sealed_session = workos.user_management.load_sealed_session
    try:
        return load_sealed_session(session_data=cookie, cookie_password=password)
    except TypeError:
        return load_sealed_session(sealed_session=cookie, cookie_password=password)
