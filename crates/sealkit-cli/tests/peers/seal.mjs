// Seals and opens with what each library offers for it. Opened payloads go back as the text that the library's own
// JSON.stringify gives, so that order and spelling are compared too.
import { load, serve } from './rpc.mjs';

const library = process.argv[2];
const text = (data) => JSON.stringify(data);

/** @workos-inc/node seals sessions only, and takes the organization from the token. */
async function workosNode() {
  const { WorkOS } = await load(library);
  const { userManagement } = new WorkOS('sk_test_unused', { clientId: 'client_unused' });
  return {
    seal: ({ payload, password }) =>
      userManagement.sealSessionDataFromAuthenticationResponse({ authenticationResponse: payload, cookiePassword: password }),
    open: async ({ sealed, password }) =>
      text(await userManagement.getSessionFromCookie({ sessionData: sealed, cookiePassword: password })),
  };
}

async function ironSession() {
  const { getIronSession, sealData, unsealData, webCookies } = await load(library);
  const options = (password) => ({ password, cookieName: 'wos-session', chunk: true });
  return {
    /** The Set-Cookie lines of a session that may be split (iron-session 9). */
    save: async ({ payload, password }) => {
      const headers = new Headers();
      const session = await getIronSession(webCookies(new Request('http://localhost/'), headers), options(password));
      Object.assign(session, payload);
      await session.save();
      return headers.getSetCookie();
    },
    seal: ({ payload, password, ttl = 0 }) => sealData(payload, { password, ttl }),
    open: async ({ sealed, password, ttl = 0 }) => text(await unsealData(sealed, { password, ttl })),
  };
}

async function authkitSession() {
  const { AuthKitCore, AuthOperations, getPKCECookieNameForState, sessionEncryption } = await load(library);
  const { WorkOS } = await load('@workos-inc/node');
  const core = (cookiePassword) => {
    const config = { clientId: 'client_unused', apiKey: 'sk_test_unused', redirectUri: 'http://localhost/callback', cookiePassword };
    const client = new WorkOS(config.apiKey, { clientId: config.clientId });
    const core = new AuthKitCore(config, client, sessionEncryption);
    return { core, operations: new AuthOperations(core, client, config, sessionEncryption) };
  };
  return {
    seal: ({ payload, password, ttl = 0 }) =>
      ttl ? sessionEncryption.sealData(payload, { password, ttl }) : core(password).core.encryptSession(payload),
    open: async ({ sealed, password }) => text(await core(password).core.decryptSession(sealed)),
    beginSignIn: ({ password, ...options }) => core(password).operations.createSignIn(options),
    verifyState: ({ password, state, cookie }) =>
      core(password).core.verifyCallbackState({ stateFromUrl: state, cookieValue: cookie }),
    verifierCookieName: ({ state }) => getPKCECookieNameForState(state),
  };
}

const libraries = { 'iron-session': ironSession, 'iron-session-9': ironSession, '@workos/authkit-session': authkitSession };
await serve(await (libraries[library] ?? workosNode)());
