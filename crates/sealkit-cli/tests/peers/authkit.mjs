// @workos/authkit-session as a framework's adapter uses it. Requests are `Cookie` header lines; answers give the
// `Set-Cookie` lines back.
import { load, serve } from './rpc.mjs';

const { AuthService, CookieSessionStorage, sessionEncryption } = await load(process.argv[2]);
const { WorkOS } = await load('@workos-inc/node');

class Storage extends CookieSessionStorage {
  async getCookie(line, name) {
    const pair = line.split('; ').find((pair) => pair.startsWith(`${name}=`));
    return pair ? decodeURIComponent(pair.slice(name.length + 1)) : null;
  }
}

let service;
const lines = (headers) => [headers?.['Set-Cookie'] ?? []].flat();

await serve({
  connect({ apiKey, clientId, port, password, redirectUri }) {
    const config = { apiKey, clientId, redirectUri, cookiePassword: password, cookieName: 'wos-session' };
    const client = new WorkOS(apiKey, { clientId, apiHostname: '127.0.0.1', https: false, port });
    service = new AuthService(config, new Storage(config), client, sessionEncryption);
  },
  async signIn(options) {
    const { url, headers } = await service.createSignIn(undefined, options);
    return { url, setCookie: lines(headers) };
  },
  async callback({ cookie, code, state }) {
    const { headers, returnPathname, state: customState, authResponse } = await service.handleCallback(cookie, undefined, { code, state });
    return { setCookie: lines(headers), returnPathname, customState, user: authResponse.user };
  },
  withAuth: ({ cookie }) => service.withAuth(cookie),
  payload: ({ cookie }) => service.getSession(cookie),
  async switchOrganization({ cookie, organizationId }) {
    return service.switchOrganization(await service.getSession(cookie), organizationId);
  },
  async signOut({ sessionId, returnTo }) {
    const { logoutUrl, headers } = await service.signOut(sessionId, { returnTo });
    return { logoutUrl, setCookie: lines(headers) };
  },
});
