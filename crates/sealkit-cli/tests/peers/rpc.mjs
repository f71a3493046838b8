// One question a line on stdin, one answer a line on stdout, for as long as somebody asks.
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const folder = (name) => `${process.env.SEALKIT_PEERS}/node/node_modules/${name}`;

/** The file that Node's own rules lead to for `import`, of the ways in which the packages here write them down. */
function entry(exports) {
  if (typeof exports === 'string') return exports;
  return entry(exports['.'] ?? exports.node ?? exports.import ?? exports.default);
}

/** A package of .peers/node by its own entry for `import`, wherever this script lies. */
export async function load(name) {
  const { exports, main } = JSON.parse(await readFile(`${folder(name)}/package.json`, 'utf8'));
  return import(pathToFileURL(`${folder(name)}/${exports ? entry(exports) : main}`));
}

/** A file of a package that says nothing about which ones may be taken. */
export const loadFile = (name, file) => import(pathToFileURL(`${folder(name)}/${file}`));

const problem = (error) => {
  const { name, message, status, code, error: oauth, errorDescription, pendingAuthenticationToken, rawData } = error;
  return { name, message, status, code, oauth, errorDescription, pendingAuthenticationToken, rawData };
};

export async function serve(operations) {
  for await (const line of createInterface({ input: process.stdin })) {
    const { operation, arguments: given } = JSON.parse(line);
    let answer;
    try {
      if (!Object.hasOwn(operations, operation)) throw new Error(`no operation ${operation}`);
      answer = { ok: (await operations[operation](given)) ?? null };
    } catch (error) {
      answer = { error: problem(error) };
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
}
