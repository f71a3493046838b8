"""Applications of Python's web frameworks that share a session with sealkit: each on a port of its own, in one process.

GET  /who      who is signed in; an expired session is refreshed and set again, as an application does it
GET  /refresh  refreshes, whether that is due or not
POST /set      seals the payload of the body, and sets it
GET  /probe    the cookie `probe` as the framework gives it
"""

import http.cookies
import http.server
import json
import os
import sys
import threading
import wsgiref.simple_server

import django.conf
import django.core.wsgi
import django.http
import django.urls
import fastapi
import flask
import jwt
import starlette.applications
import starlette.concurrency
import starlette.responses
import starlette.routing
import uvicorn
import werkzeug.serving
from workos import WorkOSClient
from workos.session import seal_session_from_auth_response, unseal_data

SETTINGS = json.loads(os.environ["SEALKIT_WEB"])
PASSWORD = SETTINGS["password"]
NAME = "wos-session"
CLIENT = WorkOSClient(
    api_key=SETTINGS["apiKey"],
    client_id=SETTINGS["clientId"],
    base_url=SETTINGS["baseUrl"],
    jwt_issuer=SETTINGS["issuer"],
)


class Answer:
    """What a route says, and the seal that it sets, if any."""

    def __init__(self, status, body, sealed=None):
        self.status, self.body, self.sealed = status, body, sealed


def loaded(cookie):
    return CLIENT.user_management.load_sealed_session(
        session_data=cookie, cookie_password=PASSWORD
    )


def told(sealed, **more):
    """The session as the SDK authenticates it."""
    who = loaded(sealed).authenticate()
    if not who.authenticated:
        reason = getattr(who.reason, "value", who.reason)
        return 401, {"authenticated": False, "reason": reason}
    token = unseal_data(sealed, PASSWORD)["access_token"]
    return 200, {
        "authenticated": True,
        "session_id": who.session_id,
        "email": who.user["email"],
        "first_name": who.user["first_name"],
        "access_token": token,
        **more,
    }


def expired(cookie):
    try:
        token = unseal_data(cookie, PASSWORD)["access_token"]
        jwt.decode(token, options={"verify_signature": False, "verify_exp": True})
    except jwt.ExpiredSignatureError:
        return True
    except Exception:  # the SDK says what is wrong with it
        return False
    return False


def who(cookies):
    cookie = cookies.get(NAME) or ""
    if expired(cookie):
        return refresh(cookies)
    return Answer(*told(cookie))


def refresh(cookies):
    refreshed = loaded(cookies.get(NAME) or "").refresh()
    if not refreshed.authenticated:
        reason = getattr(refreshed.reason, "value", refreshed.reason)
        return Answer(401, {"authenticated": False, "reason": reason})
    sealed = refreshed.sealed_session
    return Answer(*told(sealed, refreshed=True), sealed)


def seal(body):
    payload = json.loads(body)
    sealed = seal_session_from_auth_response(
        access_token=payload["access_token"],
        refresh_token=payload["refresh_token"],
        user=payload["user"],
        cookie_password=PASSWORD,
    )
    return Answer(200, {"set": True}, sealed)


def probe(cookies):
    return Answer(200, {"value": cookies.get("probe")})


ROUTES = {"/who": who, "/refresh": refresh, "/probe": probe}


def from_starlette(answer):
    response = starlette.responses.JSONResponse(answer.body, answer.status)
    if answer.sealed:
        response.set_cookie(NAME, answer.sealed, httponly=True, samesite="lax")
    return response


async def off_the_loop(work, given):
    """The SDK waits for the network."""
    answer = await starlette.concurrency.run_in_threadpool(work, given)
    return from_starlette(answer)


def in_starlette():
    def get(work):
        async def route(request):
            return await off_the_loop(work, request.cookies)

        return route

    async def put(request):
        return await off_the_loop(seal, await request.body())

    routes = [starlette.routing.Route(path, get(work)) for path, work in ROUTES.items()]
    routes.append(starlette.routing.Route("/set", put, methods=["POST"]))
    return uvicorn_port(starlette.applications.Starlette(routes=routes))


def in_fastapi():
    app = fastapi.FastAPI()

    # FastAPI's own way to a cookie, which leads through its own model of the request.
    def get(path, work, name):
        @app.get(path)
        def route(cookie: str | None = fastapi.Cookie(default=None, alias=name)):
            return from_starlette(work({name: cookie}))

    for path, work in ROUTES.items():
        get(path, work, "probe" if work is probe else NAME)

    @app.post("/set")
    async def put(request: fastapi.Request):
        return await off_the_loop(seal, await request.body())

    return uvicorn_port(app)


def uvicorn_port(app):
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error")
    socket = config.bind_socket()
    server = uvicorn.Server(config)
    threading.Thread(target=server.run, args=([socket],), daemon=True).start()
    return socket.getsockname()[1]


def in_flask():
    app = flask.Flask(__name__)

    def respond(answer):
        response = flask.jsonify(answer.body)
        response.status_code = answer.status
        if answer.sealed:
            response.set_cookie(NAME, answer.sealed, httponly=True, samesite="Lax")
        return response

    def get(path, work):
        app.add_url_rule(path, path, lambda: respond(work(flask.request.cookies)))

    for path, work in ROUTES.items():
        get(path, work)
    app.add_url_rule(
        "/set", "/set", lambda: respond(seal(flask.request.data)), methods=["POST"]
    )

    class Quiet(werkzeug.serving.WSGIRequestHandler):
        def log(self, *_):
            pass

    server = werkzeug.serving.make_server(
        "127.0.0.1", 0, app, threaded=True, request_handler=Quiet
    )
    return serve(server)


urlpatterns = []


def in_django():
    def respond(answer):
        response = django.http.JsonResponse(answer.body, status=answer.status)
        if answer.sealed:
            response.set_cookie(NAME, answer.sealed, httponly=True, samesite="Lax")
        return response

    def get(path, work):
        view = lambda request: respond(work(request.COOKIES))  # noqa: E731
        urlpatterns.append(django.urls.path(path.lstrip("/"), view))

    for path, work in ROUTES.items():
        get(path, work)
    urlpatterns.append(
        django.urls.path("set", lambda request: respond(seal(request.body)))
    )
    django.conf.settings.configure(
        ROOT_URLCONF=__name__, ALLOWED_HOSTS=["127.0.0.1"], SECRET_KEY="unused"
    )

    class Quiet(wsgiref.simple_server.WSGIRequestHandler):
        def log_message(self, *_):
            pass

    server = wsgiref.simple_server.make_server(
        "127.0.0.1",
        0,
        django.core.wsgi.get_wsgi_application(),
        handler_class=Quiet,
    )
    return serve(server)


def in_standard_library():
    class Handler(http.server.BaseHTTPRequestHandler):
        def cookies(self):
            jar = http.cookies.SimpleCookie(self.headers.get("cookie", ""))
            return {name: morsel.value for name, morsel in jar.items()}

        def respond(self, answer):
            body = json.dumps(answer.body).encode()
            self.send_response(answer.status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            if answer.sealed:
                jar = http.cookies.SimpleCookie()
                jar[NAME] = answer.sealed
                jar[NAME]["path"] = "/"
                jar[NAME]["httponly"] = True
                self.send_header("set-cookie", jar[NAME].OutputString())
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self):
            self.respond(ROUTES[self.path](self.cookies()))

        def do_POST(self):
            self.respond(seal(self.rfile.read(int(self.headers["content-length"]))))

        def log_message(self, *_):
            pass

    return serve(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler))


def serve(server):
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


ports = {
    "starlette": in_starlette(),
    "fastapi": in_fastapi(),
    "flask": in_flask(),
    "django": in_django(),
    "http.cookies": in_standard_library(),
}
print(json.dumps(ports), flush=True)
# The test holds the other end, and this process ends with it.
sys.stdin.read()
