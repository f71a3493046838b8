// @workos-inc/authkit-react-router: its own session storage, and the functions with which its loaders fill and read it.
import { load, loadFile, serve } from './rpc.mjs';

const library = process.argv[2];
const { configure } = await load(library);
const { encryptSession, getSessionFromCookie } = await loadFile(library, 'dist/cjs/session.js');
const { SessionStorageManager, configureSessionStorage } = await loadFile(library, 'dist/cjs/sessionStorage.js');

const cookieName = 'wos-session';

/** The storage takes its secret once, from the configuration, so a password is a storage. */
async function storage(cookiePassword) {
  configure({ cookiePassword, cookieName, clientId: 'client_unused', apiKey: 'sk_unused', redirectUri: 'https://app.test/callback' });
  // The package's own one is asked for in passing and must be there; which password it has does not matter.
  await configureSessionStorage({ cookieName });
  return new SessionStorageManager().configure({ cookieName });
}

await serve({
  /** The complete `Set-Cookie` line. */
  async seal({ payload, password }) {
    const { getSession, commitSession } = await storage(password);
    const session = await getSession(null);
    session.set('jwt', await encryptSession(payload));
    return commitSession(session);
  },
  /** From a `Cookie` line; `null` is what the package gives for no session. */
  async open({ cookie, password }) {
    const { getSession } = await storage(password);
    const session = await getSessionFromCookie(cookie, await getSession(cookie));
    return session && JSON.stringify(session);
  },
});
