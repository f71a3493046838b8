// @workos-inc/node as an application uses it.
import { load, serve } from './rpc.mjs';

let workos;
let cookiePassword;

const sealing = () => ({ sealSession: true, cookiePassword });
const loaded = (sealed) => workos.userManagement.loadSealedSession({ sessionData: sealed, cookiePassword });

await serve({
  async connect({ apiKey, clientId, port, issuer, password }) {
    const { WorkOS } = await load(process.argv[2]);
    cookiePassword = password;
    workos = new WorkOS(apiKey, { clientId, issuer, apiHostname: '127.0.0.1', https: false, port });
  },
  /** Any grant, sealed as a server does it. */
  signIn: ({ method, options }) => workos.userManagement[method]({ ...options, session: sealing() }),
  /** What a public client does: no seal. */
  exchange: ({ method, options }) => workos.userManagement[method](options),
  call: ({ resource, method, options }) => workos[resource][method](options),
  authorizationUrl: (options) => workos.userManagement.getAuthorizationUrlWithPKCE({ provider: 'authkit', ...options }),
  async follow({ url }) {
    const answer = await fetch(url, { redirect: 'manual' });
    return { status: answer.status, location: answer.headers.get('location') };
  },
  authenticate: ({ sealed }) => loaded(sealed).authenticate(),
  refresh: ({ sealed, ...options }) => loaded(sealed).refresh(options),
  /** The same object before and after, as it lives in a request. */
  async refreshThenAuthenticate({ sealed }) {
    const session = loaded(sealed);
    const refreshed = await session.refresh();
    return { refreshed, authenticated: await session.authenticate() };
  },
  logoutUrl: ({ sealed, ...options }) => loaded(sealed).getLogoutUrl(options),
  payload: ({ sealed }) => workos.userManagement.getSessionFromCookie({ sessionData: sealed, cookiePassword }),
  async sessions({ userId }) {
    return (await workos.userManagement.listSessions(userId)).autoPagination();
  },
});
