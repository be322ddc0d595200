import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Which package may import which of ours. */
const packages: Record<string, readonly string[]> = {
  sdk: [],
  trace: [],
  server: ['@throughline/trace'],
  ui: ['@throughline/trace'],
};

/**
 * Which room of the server may import which other. `server.ts` is the composition root: it knows every room, and only
 * the commands know it.
 */
const rooms: Record<string, readonly string[]> = {
  // Of `ingest` what it says of a spool's files, for whoever looks after them.
  cli: [
    'server.ts',
    'config',
    'ingest',
    'maintenance',
    'version.ts',
    'closest.ts',
    'file-pages.ts',
    'without-passwords.ts',
  ],
  'server.ts': [
    'maintenance',
    'receivers',
    'api',
    'ingest',
    'counts',
    'query',
    'sampling',
    'storage',
    'config',
    'limit-counter.ts',
    'listen.ts',
    'process-metrics.ts',
    'readiness.ts',
    'system.ts',
    'version.ts',
  ],
  // Works on all of a data directory: check, snapshot, backup.
  maintenance: ['ingest', 'storage', 'durable-file.ts', 'limit-counter.ts', 'version.ts'],
  'readiness.ts': ['api', 'ingest', 'storage', 'without-passwords.ts'],
  'listen.ts': ['config'],
  'system.ts': ['api', 'ingest', 'query', 'storage'],
  receivers: [
    'ingest',
    'client-error.ts',
    'host-check.ts',
    'limit-counter.ts',
    'origin-form.ts',
    'requests-in-turn.ts',
  ],
  api: [
    'query',
    'client-error.ts',
    'host-check.ts',
    'limit-counter.ts',
    'origin-form.ts',
    'requests-in-turn.ts',
    'without-passwords.ts',
  ],
  ingest: ['storage', 'limit-counter.ts'],
  counts: ['ingest', 'storage', 'durable-file.ts', 'limit-counter.ts'],
  query: ['storage'],
  sampling: ['durable-file.ts', 'without-passwords.ts'],
  storage: ['durable-file.ts', 'file-pages.ts', 'limit-counter.ts'],
  // The limits of every room, and nothing else of them.
  config: [
    'receivers',
    'api',
    'maintenance',
    'ingest',
    'counts',
    'sampling',
    'query',
    'storage',
    'closest.ts',
    'without-passwords.ts',
  ],
  'client-error.ts': [],
  'durable-file.ts': [],
  'file-pages.ts': [],
  'closest.ts': [],
  'host-check.ts': [],
  'limit-counter.ts': [],
  'origin-form.ts': [],
  'process-metrics.ts': [],
  'parts-in-turn.ts': [],
  'requests-in-turn.ts': ['parts-in-turn.ts'],
  'version.ts': [],
  'without-passwords.ts': [],
};

interface Import {
  readonly file: string;
  readonly target: string;
}

describe('the room table', () => {
  for (const [name, allowed] of Object.entries(packages)) {
    it(`lets ${name} import ${allowed.length > 0 ? allowed.join(', ') : 'none'} of our packages`, () => {
      const ours = importsOf(name).filter(
        ({ target }) => target.startsWith('@throughline/') || target === 'throughline',
      );
      expect(ours.filter(({ target }) => !allowed.includes(target))).toEqual([]);
    });
  }

  for (const name of ['sdk', 'trace']) {
    it(`lets ${name} depend on nothing but ${name === 'sdk' ? 'Node and @opentelemetry/api' : 'the language'}`, () => {
      const allowed = name === 'sdk' ? /^(node:|\.|@opentelemetry\/api$)/ : /^\./;
      expect(importsOf(name).filter(({ target }) => !allowed.test(target))).toEqual([]);
    });
  }

  it('knows every room of the server', () => {
    const found = readdirSync(join(root, 'packages/server/src')).filter((entry) => !entry.endsWith('.test.ts'));
    expect(found.filter((entry) => !(entry in rooms))).toEqual([]);
  });

  for (const [room, allowed] of Object.entries(rooms)) {
    it(`lets the server's ${room} import ${allowed.length > 0 ? allowed.join(', ') : 'no other room'}`, () => {
      const crossing = importsOf('server')
        .map(({ file, target }) => ({
          file,
          from: roomOf(file),
          to: target.startsWith('.') ? roomOf(resolved(file, target)) : undefined,
        }))
        .filter(({ from, to }) => from === room && to !== undefined && to !== from);
      expect(crossing.filter(({ to }) => !allowed.includes(to ?? ''))).toEqual([]);
    });
  }

  it('keeps SQL out of the API', () => {
    const statements = sourcesOf('server')
      .filter((file) => roomOf(file) === 'api')
      .filter((file) => /\b(SELECT|INSERT INTO|ALTER TABLE|CREATE TABLE)\b/.test(readFileSync(file, 'utf8')));
    expect(statements).toEqual([]);
  });
});

function sourcesOf(name: string): string[] {
  const folder = join(root, 'packages', name, 'src');
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.tsx?$/.test(path) && !/\.(test|contract)\.tsx?$|(^|\/)testing\//.test(path))
    .map((path) => join(folder, path));
}

function importsOf(name: string): Import[] {
  const statement =
    /(?:^|\n)\s*(?:import|export)\s[^;]*?from\s*['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)|(?:^|\n)import\s*['"]([^'"]+)['"]/g;
  return sourcesOf(name).flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(statement)].map((match) => ({
      file,
      target: match[1] ?? match[2] ?? match[3] ?? '',
    })),
  );
}

function resolved(file: string, target: string): string {
  return join(dirname(file), target);
}

function roomOf(file: string): string {
  return relative(join(root, 'packages/server/src'), file).split(sep)[0] ?? '';
}
