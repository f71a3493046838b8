"""workos, the Python SDK, any version: seals, opens and authenticates with what it offers for it."""

import json
import os
import sys

import workos
from workos import session

sys.path.append(os.path.dirname(__file__))

from rpc import serve  # noqa: E402


class Version5:
    """It seals what the API answered, as it is; the client's own configuration has defaults for nothing."""

    def seal(self, payload, password):
        return session.Session.seal_data(payload, password)

    def open(self, sealed, password):
        return json.dumps(session.Session.unseal_data(sealed, password))

    def connect(self, apiKey, clientId, baseUrl):
        client = workos.WorkOSClient(
            api_key=apiKey, client_id=clientId, base_url=baseUrl
        )
        self.users = client.user_management

    def authenticate(self, sealed, password):
        loaded = self.users.load_sealed_session(
            sealed_session=sealed, cookie_password=password
        )
        return loaded.authenticate()


class Version6(Version5):
    """It seals four members, whatever the API answered."""

    def seal(self, payload, password):
        return session.seal_session_from_auth_response(
            access_token=payload["access_token"],
            refresh_token=payload["refresh_token"],
            user=payload["user"],
            impersonator=payload.get("impersonator"),
            cookie_password=password,
        )

    def open(self, sealed, password):
        return json.dumps(session.unseal_data(sealed, password))

    def authenticate(self, sealed, password):
        loaded = self.users.load_sealed_session(
            session_data=sealed, cookie_password=password
        )
        return loaded.authenticate()


serve(Version6() if hasattr(session, "seal_session_from_auth_response") else Version5())
