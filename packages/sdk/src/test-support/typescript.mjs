/**
 * `node --import ./typescript.mjs`: lets a child process run this package's sources on a Node that cannot strip types.
 */
import { readFileSync } from 'node:fs';
import { register } from 'node:module';
import { fileURLToPath } from 'node:url';
import { transformSync } from 'rolldown/experimental';

/** A hook of `node:module`, called in its own thread. */
export async function load(url, context, nextLoad) {
  if (!url.endsWith('.ts')) return await nextLoad(url, context);
  const path = fileURLToPath(url);
  const { code, errors } = transformSync(path, readFileSync(path, 'utf8'));
  if (errors.length > 0) throw new SyntaxError(`${path}: ${errors[0]?.message ?? 'it cannot be parsed'}`);
  return { format: 'module', source: code, shortCircuit: true };
}

const isHooksThread = import.meta.url.endsWith('?hooks');
if (!isHooksThread) register(`${import.meta.url}?hooks`);
