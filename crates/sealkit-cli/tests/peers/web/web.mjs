// Applications of JavaScript's web frameworks that share a session with sealkit: each on a port of its own, in one process.
//
// GET  /who      the user; an expired session is refreshed and set again, as an application does it
// GET  /refresh  refreshes, whether that is due or not
// POST /set      seals the payload of the body, and sets it
// GET  /probe    the cookie `probe` as express gives it; React Router gives out no cookie that is not its own
import { createRequire } from 'node:module';

const settings = JSON.parse(process.env.SEALKIT_WEB);
const require = createRequire(`${process.env.SEALKIT_PEERS}/node/package.json`);
const express = require('express');
const name = 'wos-session';

function listening(app) {
  return new Promise((resolve) => {
    const server = app.listen(0, '127.0.0.1', () => resolve(server.address().port));
  });
}

/** express with cookie-parser and the Node SDK. */
async function onExpress() {
  const { WorkOS } = require('@workos-inc/node');
  const { sealData } = require('iron-session');
  const { apiKey, clientId, issuer, baseUrl, password: cookiePassword } = settings;
  const { hostname, port } = new URL(baseUrl);
  const workos = new WorkOS(apiKey, { clientId, issuer, apiHostname: hostname, https: false, port: Number(port) });
  const loaded = (sessionData) => workos.userManagement.loadSealedSession({ sessionData, cookiePassword });
  const put = (response, sealed) => response.cookie(name, sealed, { httpOnly: true, sameSite: 'lax', path: '/' });

  const told = async (sealed) => {
    const who = await loaded(sealed).authenticate();
    return who.authenticated && {
      authenticated: true, session_id: who.sessionId, access_token: who.accessToken,
      email: who.user.email, first_name: who.user.firstName,
    };
  };
  const refresh = async (request, response) => {
    const refreshed = await loaded(request.cookies[name] ?? '').refresh();
    if (!refreshed.authenticated) {
      response.status(401).json({ authenticated: false, reason: refreshed.reason });
      return;
    }
    put(response, refreshed.sealedSession);
    response.json({ ...(await told(refreshed.sealedSession)), refreshed: true });
  };

  const app = express();
  app.use(require('cookie-parser')());
  app.get('/who', async (request, response) => {
    const sealed = request.cookies[name];
    const who = sealed && (await told(sealed));
    if (who) response.json(who);
    else await refresh(request, response);
  });
  app.get('/refresh', refresh);
  app.post('/set', express.json(), async (request, response) => {
    put(response, await sealData(request.body, { password: cookiePassword, ttl: 0 }));
    response.json({ set: true });
  });
  app.get('/probe', (request, response) => response.json({ value: request.cookies.probe ?? null }));
  return listening(app);
}

/** React Router's own request handler with loaders that ask authkit-react-router, behind express as its adapter does it. */
async function onReactRouter() {
  const { createRequestHandler } = require('react-router');
  const authkit = require('@workos-inc/authkit-react-router');
  const { encryptSession } = require(`${process.env.SEALKIT_PEERS}/node/node_modules/@workos-inc/authkit-react-router/dist/cjs/session.js`);
  const { configureSessionStorage } = require(`${process.env.SEALKIT_PEERS}/node/node_modules/@workos-inc/authkit-react-router/dist/cjs/sessionStorage.js`);
  const { apiKey, clientId, baseUrl, password: cookiePassword } = settings;
  const { hostname, port } = new URL(baseUrl);
  authkit.configure({
    apiKey, clientId, cookiePassword, cookieName: name, redirectUri: 'http://127.0.0.1/callback',
    apiHostname: hostname, apiHttps: false, apiPort: Number(port),
  });

  const said = (user, sessionId, accessToken) => ({
    authenticated: true, session_id: sessionId, access_token: accessToken, email: user.email, first_name: user.firstName,
  });
  const unknown = () => Response.json({ authenticated: false }, { status: 401 });
  const loaders = {
    async who(args) {
      const { data, init } = await authkit.authkitLoader(args, ({ auth, getAccessToken }) => ({
        who: auth.user && said(auth.user, auth.sessionId, getAccessToken()),
      }));
      if (!data.who) return unknown();
      const refreshed = new Headers(init?.headers).has('set-cookie');
      return Response.json({ ...data.who, ...(refreshed && { refreshed }) }, init);
    },
    async refresh({ request }) {
      const { user, sessionId, accessToken, headers } = await authkit.refreshSession(request);
      return Response.json({ ...said(user, sessionId, accessToken), refreshed: true }, { headers });
    },
  };
  const set = async ({ request }) => {
    const { getSession, commitSession } = await configureSessionStorage({ cookieName: name });
    const session = await getSession(null);
    session.set('jwt', await encryptSession(await request.json()));
    return Response.json({ set: true }, { headers: { 'Set-Cookie': await commitSession(session) } });
  };
  const route = (id, module) => [id, { id, path: `/${id}`, module }];
  const routes = Object.fromEntries([
    ...Object.entries(loaders).map(([id, loader]) => route(id, { loader })),
    route('set', { action: set }),
  ]);
  const handle = createRequestHandler({
    entry: { module: { default: () => new Response(null, { status: 404 }) } },
    routes,
    assets: { entry: { module: '', imports: [] }, routes: {}, url: '', version: '' },
    publicPath: '/', assetsBuildDirectory: '', basename: '/', future: {}, ssr: true, isSpaMode: false, prerender: [],
    routeDiscovery: { mode: 'initial', manifestPath: '/__manifest' },
  }, 'production');

  const app = express();
  app.use(express.raw({ type: () => true }), async (incoming, outgoing) => {
    const { method, headers, body } = incoming;
    if (!Object.hasOwn(routes, incoming.path.slice(1))) {
      outgoing.sendStatus(404);
      return;
    }
    const request = new Request(`http://${headers.host}${incoming.url}`, {
      method, headers, ...(method === 'POST' && { body, duplex: 'half' }),
    });
    const response = await handle(request);
    outgoing.status(response.status);
    for (const [header, value] of response.headers) outgoing.append(header, value);
    outgoing.end(Buffer.from(await response.arrayBuffer()));
  });
  return listening(app);
}

const ports = { express: await onExpress(), 'react-router': await onReactRouter() };
process.stdout.write(`${JSON.stringify(ports)}\n`);
// The test holds the other end, and this process ends with it.
process.stdin.on('end', () => process.exit()).resume();
