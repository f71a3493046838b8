"""workos, the Python SDK, as an application uses it."""

import os
import sys
import urllib.error
import urllib.request

from workos import WorkOSClient
from workos.session import seal_session_from_auth_response

sys.path.append(os.path.dirname(__file__))

from rpc import serve  # noqa: E402


class Peer:
    def connect(self, apiKey, clientId, baseUrl, issuer, password):
        self.password = password
        self.client = WorkOSClient(
            api_key=apiKey, client_id=clientId, base_url=baseUrl, jwt_issuer=issuer
        )
        self.users = self.client.user_management

    def sign_in(self, method, options):
        """Any grant, sealed as the SDK's documentation does it."""
        answer = getattr(self.users, method)(**options)
        sealed = seal_session_from_auth_response(
            access_token=answer.access_token,
            refresh_token=answer.refresh_token,
            user=answer.user.to_dict(),
            impersonator=answer.impersonator.to_dict() if answer.impersonator else None,
            cookie_password=self.password,
        )
        return {**answer.to_dict(), "sealed_session": sealed}

    def seal(self, access_token, refresh_token, user):
        return seal_session_from_auth_response(
            access_token=access_token,
            refresh_token=refresh_token,
            user=user,
            cookie_password=self.password,
        )

    def authorization_url(self, **options):
        return self.users.get_authorization_url_with_pkce(
            provider="authkit", **options
        )

    def follow(self, url):
        class Stay(urllib.request.HTTPRedirectHandler):
            def redirect_request(self, *_):
                return None

        try:
            answer = urllib.request.build_opener(Stay).open(url)
        except urllib.error.HTTPError as redirect:
            answer = redirect
        return {"status": answer.status, "location": answer.headers["location"]}

    def loaded(self, sealed):
        return self.users.load_sealed_session(
            session_data=sealed, cookie_password=self.password
        )

    def authenticate(self, sealed):
        return self.loaded(sealed).authenticate()

    def refresh(self, sealed, **options):
        session = self.loaded(sealed)
        refreshed = session.refresh(**options)
        return {"refreshed": refreshed, "authenticated": session.authenticate()}

    def logout_url(self, sealed, return_to):
        return self.loaded(sealed).get_logout_url(return_to=return_to)

    def user(self, id):
        return self.users.get_user(id).to_dict()

    def sessions(self, user_id):
        return [session.to_dict() for session in self.users.list_sessions(user_id)]

    def revoke(self, session_id):
        self.users.revoke_session(session_id=session_id)

    def magic_auth(self, email):
        return self.users.create_magic_auth(email=email).to_dict()


serve(Peer())
