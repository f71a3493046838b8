// Whom the cookie on standard input authenticates, as Node sees it.
import { readFileSync } from 'node:fs';
import { WorkOS } from '@workos-inc/node';

const { api_key, client_id, idp_url } = JSON.parse(readFileSync('dev.json'));
const port = Number(new URL(idp_url).port);
const workos = new WorkOS(api_key, { clientId: client_id, apiHostname: '127.0.0.1', port, https: false });
const session = workos.userManagement.loadSealedSession({
  sessionData: readFileSync(0, 'utf8').trim(),
  cookiePassword: process.env.WORKOS_COOKIE_PASSWORD,
});
const who = await session.authenticate();
console.log(who.authenticated ? `${who.user.email} ${who.organizationId}` : who.reason);
