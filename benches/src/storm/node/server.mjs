// A plain server of sessions with @workos/authkit-session, put together as its README says: a storage that reads the cookie,
// `withAuth` for every request, and the refreshed session written to the response. Driven over stdin as a replica of sealkit is:
// one line of settings, then how many milliseconds to advance the clock by; it ends when stdin does.
import { advance } from './shifted-date.mjs';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { load } from '../../../../crates/sealkit-cli/tests/peers/rpc.mjs';

const { AuthService, CookieSessionStorage, sessionEncryption } = await load('@workos/authkit-session');
const { WorkOS } = await load('@workos-inc/node');

class Storage extends CookieSessionStorage {
  async getCookie(request, name) {
    for (const part of (request.headers.cookie ?? '').split(';')) {
      const [key, ...rest] = part.trim().split('=');
      if (key === name) return decodeURIComponent(rest.join('='));
    }
    return null;
  }
}

function connect({ client_id: clientId, api_key: apiKey, provider, password, redirect_uri: redirectUri }) {
  const { hostname, port } = new URL(provider);
  const config = { apiKey, clientId, redirectUri, cookiePassword: password, cookieName: 'wos-session' };
  const client = new WorkOS(apiKey, { clientId, apiHostname: hostname, https: false, port: Number(port) });
  return new AuthService(config, new Storage(config), client, sessionEncryption);
}

async function answer(service, request, response) {
  const { auth, refreshedSessionData } = await service.withAuth(request);
  if (refreshedSessionData) {
    const { headers } = await service.saveSession(undefined, refreshedSessionData);
    response.setHeader('Set-Cookie', headers['Set-Cookie']);
  }
  if (!auth.user) {
    response.writeHead(401).end('unauthenticated');
    return;
  }
  response.writeHead(200).end(auth.sessionId);
}

let server;
for await (const line of createInterface({ input: process.stdin })) {
  if (server === undefined) {
    const service = connect(JSON.parse(line));
    server = createServer((request, response) => {
      answer(service, request, response).catch((error) => response.writeHead(500).end(String(error)));
    });
    // The default drops connections of a burst that is larger than this.
    server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
      process.stdout.write(`127.0.0.1:${server.address().port}\n`);
    });
  } else {
    advance(Number(line));
    process.stdout.write('ok\n');
  }
}
process.exit(0);
