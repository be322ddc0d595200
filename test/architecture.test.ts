import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Which package may import which of ours. */
const packages: Record<string, readonly string[]> = {
  sdk: [],
  trace: [],
  server: ['@throughline/trace', '@throughline/trace/client'],
  ui: ['@throughline/trace', '@throughline/trace/client'],
};

/**
 * Which room of the server may import which other. `server.ts` is the composition root: it knows every room, and only
 * the commands know it.
 */
const rooms: Record<string, readonly string[]> = {
  // Of `spool` what it says of its files, for whoever looks after them.
  cli: [
    'server.ts',
    'config',
    'spool',
    'maintenance',
    'version.ts',
    'closest.ts',
    'file-pages.ts',
    'without-passwords.ts',
  ],
  'server.ts': [
    'maintenance',
    'receivers/body',
    'receivers/decode',
    'receivers/grpc',
    'receivers/http',
    'receivers/otlp',
    'api',
    'ingest',
    'spool',
    'counts',
    'query',
    'sampling',
    'storage',
    'config',
    'jobs',
    'limit-counter.ts',
    'listen.ts',
    'process-metrics.ts',
    'readiness.ts',
    'system.ts',
    'version.ts',
  ],
  // Works on all of a data directory: check, snapshot, backup.
  maintenance: ['spool', 'storage', 'durable-file.ts', 'limit-counter.ts', 'version.ts'],
  'readiness.ts': ['api', 'ingest', 'spool', 'storage', 'without-passwords.ts'],
  'listen.ts': ['config'],
  'system.ts': ['api', 'ingest', 'spool', 'query', 'storage'],
  'receivers/http': [
    'receivers/body',
    'receivers/decode',
    'receivers/limits.ts',
    'receivers/otlp',
    'receivers/otlp-json',
    'columns',
    'ingest',
    'http',
    'limit-counter.ts',
  ],
  'receivers/grpc': [
    'receivers/body',
    'receivers/decode',
    'receivers/limits.ts',
    'receivers/otlp',
    'columns',
    'ingest',
    'limit-counter.ts',
  ],
  // Which encoding, and in which thread.
  'receivers/decode': [
    'receivers/body',
    'receivers/limits.ts',
    'receivers/otlp',
    'receivers/otlp-json',
    'columns',
    'ingest',
  ],
  'receivers/otlp-json': ['receivers/limits.ts', 'receivers/otlp', 'columns'],
  'receivers/otlp': ['columns'],
  'receivers/body': ['receivers/limits.ts', 'limit-counter.ts'],
  'receivers/limits.ts': [],
  api: ['query', 'http', 'limit-counter.ts', 'without-passwords.ts'],
  ingest: ['columns', 'spool', 'storage', 'limit-counter.ts'],
  spool: ['storage', 'limit-counter.ts'],
  columns: ['storage'],
  counts: ['columns', 'spool', 'storage', 'durable-file.ts', 'limit-counter.ts'],
  query: ['storage'],
  jobs: [],
  sampling: ['jobs', 'durable-file.ts', 'without-passwords.ts'],
  storage: ['jobs', 'durable-file.ts', 'file-pages.ts', 'limit-counter.ts'],
  // The limits of every room, and nothing else of them.
  config: [
    'receivers/limits.ts',
    'api',
    'maintenance',
    'columns',
    'ingest',
    'spool',
    'counts',
    'sampling',
    'query',
    'storage',
    'closest.ts',
    'without-passwords.ts',
  ],
  'durable-file.ts': [],
  'file-pages.ts': [],
  'closest.ts': [],
  'limit-counter.ts': [],
  'process-metrics.ts': [],
  http: [],
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
    const found = new Set(sourcesOf('server').map(roomOf));
    expect([...found].filter((room) => !(room in rooms))).toEqual([]);
    expect(Object.keys(rooms).filter((room) => !found.has(room))).toEqual([]);
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

  // The SDK's circles are cut when its folders are made.
  for (const name of Object.keys(packages).filter((each) => each !== 'sdk')) {
    it(`finds no circle of imports in ${name}, of types neither`, () => {
      expect(circlesOf(name)).toEqual([]);
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

/** Files that import each other, each circle once; what only types are taken from counts as well. */
function circlesOf(name: string): string[][] {
  const known = new Set(sourcesOf(name));
  const graph = new Map<string, string[]>([...known].map((file) => [file, []]));
  for (const { file, target } of importsOf(name)) {
    const to = target.startsWith('.') ? resolved(file, target) : '';
    if (known.has(to)) graph.get(file)?.push(to);
  }
  const order = new Map<string, number>();
  const stack: string[] = [];
  const circles: string[][] = [];
  const visit = (file: string): number => {
    const index = order.size;
    order.set(file, index);
    stack.push(file);
    let low = index;
    for (const to of graph.get(file) ?? []) {
      if (!order.has(to)) low = Math.min(low, visit(to));
      else if (stack.includes(to)) low = Math.min(low, order.get(to) ?? index);
    }
    if (low === index) {
      const circle = stack.splice(stack.indexOf(file));
      if (circle.length > 1) circles.push(circle.map((each) => relative(root, each)));
    }
    return low;
  };
  for (const file of known) if (!order.has(file)) visit(file);
  return circles;
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

/** The innermost room of the table that a file is in; a room inside another is named by its path. */
function roomOf(file: string): string {
  const parts = relative(join(root, 'packages/server/src'), file).split(sep);
  const inner = parts.slice(0, 2).join('/');
  return inner in rooms ? inner : (parts[0] ?? '');
}
