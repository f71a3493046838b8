// One question a line on stdin, one answer a line on stdout, for as long as somebody asks.
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

/** A package of .peers/node by its own entry for `import`, wherever this script lies. */
export async function load(name) {
  const folder = `${process.env.SEALKIT_PEERS}/node/node_modules/${name}`;
  const { exports } = JSON.parse(await readFile(`${folder}/package.json`, 'utf8'));
  const entry = exports['.'] ?? exports;
  return import(pathToFileURL(`${folder}/${entry.import ?? entry.default}`));
}

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
