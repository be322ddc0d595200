import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Which package may import which of ours. */
const packages: Record<string, readonly string[]> = {
  sdk: [],
  trace: [],
  server: ['@throughline/trace', '@throughline/trace/client', '@throughline/trace/insight'],
  ui: ['@throughline/trace', '@throughline/trace/client'],
};

/**
 * Which room of the server may import which other, and does: an arrow that nothing goes along any more is to be taken
 * out. `server.ts` is the composition root: it knows every room, and only the commands know it.
 */
const serverRooms: Record<string, readonly string[]> = {
  // Of `spool` what it says of its files, and of `storage/cluster` what it says of its schema, for whoever looks after
  // them.
  cli: [
    'server.ts',
    'terminal',
    'alerts',
    'alerts/channels',
    'alerts/rules',
    'config',
    'spool',
    'moving',
    'maintenance',
    'storage/cluster',
    'http',
    'version.ts',
    'closest.ts',
    'count-of.ts',
    'file-pages.ts',
    'malloc-trim.ts',
    'without-passwords.ts',
  ],
  'server.ts': [
    'http',
    'maintenance',
    'receivers/body',
    'receivers/decode',
    'receivers/grpc',
    'receivers/http',
    'receivers/otlp',
    'receivers/otlp-http',
    'api',
    'alerts',
    'ingest',
    'insight',
    'mcp',
    'normals',
    'spool',
    'counts',
    'query',
    'sampling',
    'storage',
    'storage/cluster',
    'storage/damage',
    'storage/directory',
    'storage/embedded',
    'storage/retention',
    'storage/rollups',
    'config',
    'jobs',
    'limit-counter.ts',
    'listen.ts',
    'collect-process-metrics.ts',
    'readiness.ts',
    'shutdown.ts',
    'system.ts',
    'version.ts',
  ],
  'system.ts': ['readiness.ts', 'ingest', 'spool', 'query', 'storage', 'without-passwords.ts'],
  'listen.ts': ['config'],
  // The limits of every room, and nothing else of them.
  config: [
    'receivers/limits.ts',
    'mcp',
    'alerts',
    'api',
    'maintenance',
    'ingest',
    'insight',
    'normals',
    'spool',
    'counts',
    'sampling',
    'query',
    'storage',
    'storage/cluster',
    'storage/damage',
    'storage/retention',
    'storage/rollups',
    'closest.ts',
    'without-passwords.ts',
  ],
  // From an embedded store to ClickHouse servers, as one more collector of theirs.
  moving: [
    'maintenance',
    'ingest',
    'spool',
    'storage',
    'storage/cluster',
    'storage/damage',
    'storage/directory',
    'storage/embedded',
    'storage/migrations',
    'storage/rollups',
    'durable-file.ts',
  ],
  // Works on all of a data directory: check, snapshot, backup.
  maintenance: [
    'spool',
    'storage',
    'storage/damage',
    'storage/definitions',
    'storage/directory',
    'storage/embedded',
    'storage/migrations',
    'storage/rollups',
    'durable-file.ts',
    'limit-counter.ts',
    'version.ts',
  ],
  // OTLP over HTTP: its paths, its encodings, its answers.
  'receivers/otlp-http': [
    'receivers/body',
    'receivers/decode',
    'receivers/http',
    'receivers/limits.ts',
    'receivers/otlp',
    'receivers/otlp-json',
    'columns',
    'ingest',
  ],
  // A port for formats that it does not know.
  'receivers/http': ['receivers/body', 'receivers/limits.ts', 'columns', 'ingest', 'http', 'limit-counter.ts'],
  'receivers/grpc': [
    'receivers/body',
    'receivers/decode',
    'receivers/limits.ts',
    'receivers/otlp',
    'columns',
    'ingest',
    'limit-counter.ts',
    'http',
    'count-of.ts',
  ],
  // Which encoding, and in which thread.
  'receivers/decode': [
    'receivers/body',
    'receivers/limits.ts',
    'receivers/otlp',
    'receivers/otlp-json',
    'columns',
    'ingest',
    'register-gauge.ts',
  ],
  'receivers/otlp-json': ['receivers/limits.ts', 'receivers/otlp', 'columns'],
  'receivers/otlp': ['columns', 'count-of.ts'],
  'receivers/body': ['receivers/limits.ts', 'limit-counter.ts', 'limiter.ts', 'register-gauge.ts'],
  'receivers/limits.ts': [],
  // What agents ask, of the routes of the API.
  mcp: ['api', 'terminal', 'http', 'schema', 'closest.ts', 'limit-counter.ts'],
  api: [
    'alerts',
    'insight',
    'normals',
    'query',
    'terminal',
    'http',
    'readiness.ts',
    'schema',
    'count-of.ts',
    'limit-counter.ts',
    'limiter.ts',
    'register-gauge.ts',
  ],
  // Rules, evaluated and told.
  alerts: [
    'alerts/channels',
    'alerts/rules',
    'insight',
    'query',
    'storage',
    'jobs',
    'durable-file.ts',
    'limit-counter.ts',
    'quantity-text.ts',
    'register-gauge.ts',
    'reread-file.ts',
  ],
  'alerts/channels': ['alerts/rules', 'unseen.ts'],
  'alerts/rules': ['closest.ts', 'without-passwords.ts'],
  'readiness.ts': ['spool', 'storage', 'storage/damage', 'count-of.ts', 'without-passwords.ts'],
  ingest: ['columns', 'spool', 'storage', 'storage/retention', 'durable-file.ts', 'limit-counter.ts'],
  counts: [
    'columns',
    'exchange',
    'spool',
    'storage',
    'storage/directory',
    'storage/rollups',
    'count-of.ts',
    'durable-file.ts',
    'limit-counter.ts',
    'register-gauge.ts',
  ],
  spool: ['storage', 'storage/directory', 'count-of.ts', 'durable-file.ts', 'limit-counter.ts', 'register-gauge.ts'],
  // What is usual, measured again and again: it reads windows as comparisons do, and writes tables of its own.
  normals: [
    'insight',
    'query',
    'columns',
    'storage',
    'storage/rollups',
    'jobs',
    'answer-jobs.ts',
    'job-thread.ts',
    'register-gauge.ts',
  ],
  // Many traces compared: it reads windows as queries read, and has them compared in a thread.
  insight: ['query', 'storage', 'answer-jobs.ts', 'job-thread.ts'],
  query: ['terminal', 'storage', 'storage/rollups', 'answer-jobs.ts', 'job-thread.ts', 'limiter.ts'],
  // Text for a screen, and as Markdown for whoever prefers it to JSON; nothing of a collector.
  terminal: ['quantity-text.ts', 'unseen.ts'],
  sampling: ['exchange', 'http', 'jobs', 'schema', 'durable-file.ts', 'register-gauge.ts', 'without-passwords.ts'],
  // The message of the SDK: its types, and its reader.
  exchange: ['schema'],
  // The two engines are above what makes, checks and mends their tables.
  'storage/embedded': [
    'storage',
    'storage/damage',
    'storage/definitions',
    'storage/directory',
    'storage/migrations',
    'storage/process',
    'limit-counter.ts',
    'limiter.ts',
  ],
  'storage/cluster': [
    'columns',
    'storage',
    'storage/migrations',
    'limit-counter.ts',
    'limiter.ts',
    'register-gauge.ts',
    'reread-file.ts',
  ],
  columns: ['storage', 'storage/rollups', 'count-of.ts'],
  'storage/definitions': [
    'storage',
    'storage/damage',
    'storage/directory',
    'storage/migrations',
    'storage/process',
    'durable-file.ts',
    'register-gauge.ts',
  ],
  'storage/migrations': ['storage', 'storage/damage', 'storage/rollups'],
  'storage/rollups': ['storage', 'storage/damage', 'jobs', 'register-gauge.ts'],
  'storage/retention': ['storage', 'jobs', 'count-of.ts', 'durable-file.ts', 'register-gauge.ts'],
  jobs: [],
  'storage/damage': ['storage', 'count-of.ts', 'durable-file.ts', 'limit-counter.ts', 'register-gauge.ts'],
  'storage/directory': ['durable-file.ts'],
  'storage/process': ['storage', 'file-pages.ts'],
  // What an engine is, its tables, and where spans are.
  storage: ['count-of.ts', 'durable-file.ts', 'limiter.ts', 'register-gauge.ts'],
  // Requests, routes and their answers, whichever port they come in by.
  http: ['schema', 'without-passwords.ts'],
  // What JSON may look like, and the words for one that does not.
  schema: [],
  'answer-jobs.ts': ['job-thread.ts'],
  'job-thread.ts': [],
  'collect-process-metrics.ts': ['register-gauge.ts'],
  'shutdown.ts': [],
  'durable-file.ts': [],
  'file-pages.ts': [],
  'malloc-trim.ts': [],
  'closest.ts': [],
  'count-of.ts': [],
  'limit-counter.ts': [],
  'limiter.ts': [],
  'quantity-text.ts': [],
  'register-gauge.ts': [],
  'reread-file.ts': [],
  'version.ts': [],
  'unseen.ts': [],
  'without-passwords.ts': [],
};

/** Top down: `tracer.ts` is the API and wires the others; a span comes from `recording`, is a `span`, and leaves by `export`. */
const sdkRooms: Record<string, readonly string[]> = {
  'zipkin.ts': ['config', 'export'],
  'testing.ts': ['config', 'export', 'export/format', 'tracer.ts'],
  'index.ts': [
    'config',
    'context',
    'export',
    'export/transport',
    'opentelemetry',
    'propagation',
    'runtime',
    'sampling/always-record.ts',
    'sampling/foreign-sampler.ts',
    'sampling/policies',
    'sampling/policy.ts',
    'sampling/ports.ts',
    'sampling/remote',
    'sampling/sampler.ts',
    'span',
    'traced.ts',
    'tracer.ts',
  ],
  'traced.ts': ['runtime', 'span', 'tracer.ts'],
  'sampling/always-record.ts': ['sampling/foreign-sampler.ts'],
  http: ['context', 'request-metrics', 'runtime', 'sampling/policy.ts', 'span', 'tracer.ts'],
  'tracer.ts': [
    'assemble.ts',
    'config',
    'context',
    'export',
    'export/transport',
    'opentelemetry',
    'propagation',
    'recording',
    'request-metrics',
    'runtime',
    'sampling/start-sampling.ts',
    'span',
  ],
  'assemble.ts': [
    'config',
    'export',
    'export/encode',
    'opentelemetry',
    'propagation',
    'recording',
    'runtime',
    'sampling/start-sampling.ts',
    'span',
  ],
  'sampling/start-sampling.ts': [
    'export',
    'export/format',
    'export/transport',
    'request-metrics',
    'runtime',
    'sampling/policies',
    'sampling/policy-sampler.ts',
    'sampling/policy.ts',
    'sampling/ports.ts',
    'sampling/remote',
    'sampling/sampler.ts',
    'sampling/sampling-settings.ts',
    'span',
  ],
  'sampling/remote': [
    'request-metrics',
    'runtime',
    'sampling/consistent',
    'sampling/policies',
    'sampling/policy.ts',
    'span',
  ],
  'sampling/policy-sampler.ts': ['runtime', 'sampling/consistent', 'sampling/policy.ts', 'sampling/sampler.ts', 'span'],
  config: [
    'export',
    'export/format',
    'export/transport',
    'opentelemetry',
    'propagation',
    'runtime',
    'sampling/foreign-sampler.ts',
    'sampling/policies',
    'sampling/policy.ts',
    'sampling/sampling-settings.ts',
    'span',
  ],
  'sampling/sampling-settings.ts': ['export', 'sampling/policy.ts', 'sampling/sampler.ts', 'span'],
  'sampling/policies': [
    'request-metrics',
    'runtime',
    'sampling/consistent',
    'sampling/policy.ts',
    'sampling/ports.ts',
    'span',
  ],
  'sampling/policy.ts': ['request-metrics', 'sampling/consistent', 'sampling/ports.ts', 'span'],
  'sampling/ports.ts': ['export/transport'],
  propagation: ['context', 'runtime', 'span'],
  opentelemetry: ['context', 'export', 'recording', 'request-metrics', 'runtime', 'span'],
  recording: ['context', 'request-metrics', 'runtime', 'sampling/foreign-sampler.ts', 'sampling/sampler.ts', 'span'],
  'sampling/sampler.ts': ['sampling/consistent', 'span'],
  'sampling/consistent': ['span'],
  'sampling/foreign-sampler.ts': ['context', 'runtime', 'span'],
  'request-metrics': ['export/format', 'export/transport', 'runtime', 'span'],
  export: ['export/encode', 'export/format', 'export/transport', 'runtime', 'span'],
  'export/transport': ['context', 'runtime', 'span'],
  context: ['runtime', 'span'],
  'export/format': ['export/encode', 'runtime', 'span'],
  'export/encode': ['span'],
  span: ['runtime'],
  runtime: [],
};

/** A received trace becomes a tree, is analysed, and told; `client` is the collector's API. */
const traceRooms: Record<string, readonly string[]> = {
  'index.ts': ['analysis', 'attributes.ts', 'compare', 'format-duration.ts', 'otlp.ts', 'story', 'tree'],
  // Many traces at once, in columns of their own.
  insight: ['analysis', 'attributes.ts', 'format-duration.ts', 'otlp.ts', 'tree'],
  client: ['otlp.ts', 'story'],
  formats: ['attributes.ts', 'otlp.ts', 'tree'],
  story: ['analysis', 'attributes.ts', 'format-duration.ts', 'group-by.ts', 'otlp.ts', 'tree'],
  'format-duration.ts': [],
  compare: ['analysis', 'otlp.ts', 'tree'],
  analysis: ['attributes.ts', 'group-by.ts', 'otlp.ts', 'tree'],
  tree: ['attributes.ts', 'group-by.ts', 'otlp.ts'],
  'group-by.ts': [],
  'attributes.ts': ['otlp.ts'],
  'otlp.ts': [],
};

const uiRooms: Record<string, readonly string[]> = {
  'main.tsx': ['api', 'app.tsx'],
  'app.tsx': ['api', 'app-bar.tsx', 'explore', 'not-found-page.tsx', 'services', 'system', 'trace-at.tsx'],
  'trace-at.tsx': ['trace'],
  trace: [
    'api',
    'explore/state',
    'parts',
    'services',
    'time',
    'trace/model',
    'trace/sampling',
    'trace/span-panel',
    'trace/story',
    'trace/waterfall',
  ],
  'trace/waterfall': ['parts', 'trace/model'],
  'trace/story': ['parts', 'time', 'trace/model'],
  'trace/span-panel': ['explore/state', 'parts', 'trace/model'],
  'trace/sampling': ['api', 'parts', 'trace/model'],
  'trace/model': ['api'],
  system: ['api', 'parts', 'services', 'time'],
  'not-found-page.tsx': ['parts'],
  explore: ['api', 'explore/state', 'parts', 'services', 'time'],
  services: ['api', 'explore/state', 'parts', 'time'],
  'explore/state': ['time'],
  'app-bar.tsx': ['api', 'open-trace.tsx', 'theme'],
  theme: ['parts'],
  'open-trace.tsx': ['find-trace-id.ts', 'parts'],
  'find-trace-id.ts': [],
  parts: ['time'],
  time: [],
  api: [],
};

/** Of each package: its rooms, from the top to the ground, and which others each may import. A file beside the folders is a room of its own. */
const rooms: Record<string, Record<string, readonly string[]>> = {
  sdk: sdkRooms,
  trace: traceRooms,
  server: serverRooms,
  ui: uiRooms,
};

interface Part {
  readonly title: string;
  /** The folder that paths of this part begin at. */
  readonly base: string;
  readonly text: string;
}

/** The parts of docs/architecture.md; a step of the life of a span is one that names its package. */
const document: readonly Part[] = readFileSync(join(root, 'docs/architecture.md'), 'utf8')
  .split(/^##+ |^(?=\*\*In )/m)
  .map((text) => {
    const [heading = ''] = text.split('\n');
    const base = /`(packages\/\w+\/src)`/.exec(heading)?.[1] ?? sourceFolder('server');
    return { title: heading.startsWith('**In ') ? `Life of a span: ${heading}` : heading, base, text };
  });

/** Names of folders in a data directory, which have a part of their own. */
const dataFolders: readonly string[] = document
  .filter(({ title }) => title === 'The data directory')
  .flatMap(({ text }) => namesIn(text));

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
      const imported = new Set(ours.map(({ target }) => target));
      expect(allowed.filter((target) => !imported.has(target))).toEqual([]);
    });
  }

  for (const name of ['sdk', 'trace']) {
    it(`lets ${name} depend on nothing but ${name === 'sdk' ? 'Node and @opentelemetry/api' : 'the language'}`, () => {
      const allowed = name === 'sdk' ? /^(node:|\.|@opentelemetry\/api$)/ : /^\./;
      expect(importsOf(name).filter(({ target }) => !allowed.test(target))).toEqual([]);
    });
  }

  for (const [name, table] of Object.entries(rooms)) {
    it(`knows every room of ${name}`, () => {
      const found = new Set(sourcesOf(name).map((file) => roomOf(name, file)));
      expect([...found].filter((room) => !(room in table))).toEqual([]);
      expect(Object.keys(table).filter((room) => !found.has(room))).toEqual([]);
    });

    it(`has every folder of ${name}, and every file beside them, named in its part of docs/architecture.md`, () => {
      const part = document.find(({ base, title }) => base === sourceFolder(name) && title.startsWith('Folders of '));
      const unnamed = foldersAndFilesOf(name).filter((path) => part?.text.includes(`\`${path}\``) !== true);
      expect(unnamed).toEqual([]);
    });

    it(`lists every room of ${name} above those that it imports, so that no two import each other`, () => {
      const order = Object.keys(table);
      expect(arrowsUp(table, (room) => order.indexOf(room))).toEqual([]);
    });

    it(`has the folders of ${name} in the same order in docs/architecture.md`, () => {
      const part = document.find(({ base, title }) => base === sourceFolder(name) && title.startsWith('Folders of '));
      const rows = [...(part?.text ?? '').matchAll(/^\|([^|]*)\|/gm)].map(([, cell = '']) => cell);
      // Rooms that have no row are files of a folder, whose row says what they are for.
      expect(arrowsUp(table, (room) => rows.findIndex((cell) => namesIn(cell).some(isNameOf(room))))).toEqual([]);
    });

    for (const [room, allowed] of Object.entries(table)) {
      it(`lets ${name}'s ${room} import ${allowed.length > 0 ? allowed.join(', ') : 'no other room'}`, () => {
        const crossing = importsOf(name)
          .map(({ file, target }) => ({
            file,
            from: roomOf(name, file),
            to: /^\..*\.tsx?$/.test(target) ? roomOf(name, resolved(file, target)) : undefined,
          }))
          .filter(({ from, to }) => from === room && to !== undefined && to !== from);
        expect(crossing.filter(({ to }) => !allowed.includes(to ?? ''))).toEqual([]);
        const imported = new Set(crossing.map(({ to }) => to));
        expect(allowed.filter((to) => !imported.has(to))).toEqual([]);
      });
    }
  }

  for (const name of Object.keys(packages)) {
    it(`finds no circle of imports in ${name}, of types neither`, () => {
      expect(circlesOf(name)).toEqual([]);
    });
  }

  it('finds every folder and file that docs/architecture.md names', () => {
    const missing = document.flatMap(({ base, title, text }) => {
      const others = /^(?:Folders|Life) of /.test(title) ? [] : dataFolders;
      return namesIn(text)
        .filter((path) => !others.includes(path) && ![join(root, base, path), join(root, path)].some(existsSync))
        .map((path) => `${title}: ${path}`);
    });
    expect(missing).toEqual([]);
  });

  it('follows the life of a span through all four packages in docs/architecture.md', () => {
    const steps = document.filter(({ title }) => title.startsWith('Life of a span'));
    const packagesNamed = new Set(steps.filter(({ text }) => namesIn(text).length > 0).map(({ base }) => base));
    expect([...packagesNamed].toSorted()).toEqual(Object.keys(packages).map(sourceFolder).toSorted());
  });

  it('keeps SQL out of the API', () => {
    const statements = sourcesOf('server')
      .filter((file) => roomOf('server', file) === 'api')
      .filter((file) => /\b(SELECT|INSERT INTO|ALTER TABLE|CREATE TABLE)\b/.test(readFileSync(file, 'utf8')));
    expect(statements).toEqual([]);
  });

  it('has no comment that is wider than the code may be', () => {
    const wide = Object.keys(packages).flatMap((name) =>
      sourcesOf(name).flatMap((file) =>
        readFileSync(file, 'utf8')
          .split('\n')
          .flatMap((line, at) => (line.length > 120 && /^\s*(\*|\/\/|\/\*)/.test(line) ? [`${file}:${at + 1}`] : [])),
      ),
    );
    expect(wide).toEqual([]);
  });

  it('has no statement that names a table by itself: `storage/tables.ts` knows what each is called', () => {
    const named = /\b(?:FROM|INTO|TABLE|TO|AS|MERGES|PART OF) throughline\.|database = 'throughline'/;
    expect(sourcesOf('server').filter((file) => named.test(readFileSync(file, 'utf8')))).toEqual([]);
  });
});

/** Imports of a room whose place is above the importing one's, as `from → to`; a negative place is none. */
function arrowsUp(table: Record<string, readonly string[]>, placeOf: (room: string) => number): string[] {
  return Object.entries(table).flatMap(([from, allowed]) =>
    allowed.filter((to) => placeOf(to) >= 0 && placeOf(to) < placeOf(from)).map((to) => `${from} → ${to}`),
  );
}

function isNameOf(room: string): (path: string) => boolean {
  return (path) => path === room || path === `${room}/`;
}

function sourceFolder(name: string): string {
  return `packages/${name}/src`;
}

/** Paths of folders and of files with source text, between backquotes. */
function namesIn(text: string): string[] {
  return [...text.matchAll(/`([\w.-]+(?:\/[\w.-]+)*(?:\/|\.(?:tsx?|mjs|sql|css)))`/g)].map(([, path = '']) => path);
}

/** All folders of a package except those inside others that only tests use, and the source files beside them. */
function foldersAndFilesOf(name: string): string[] {
  return readdirSync(join(root, sourceFolder(name)), { recursive: true, withFileTypes: true }).flatMap((entry) => {
    const path = relative(join(root, sourceFolder(name)), join(entry.parentPath, entry.name));
    if (entry.isDirectory()) return /\/(?:testing|snapshots)$/.test(path) ? [] : [`${path}/`];
    return !path.includes('/') && /\.tsx?$/.test(path) && !path.includes('.test.') ? [path] : [];
  });
}

function sourcesOf(name: string): string[] {
  const folder = join(root, 'packages', name, 'src');
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(
      (path) =>
        /\.tsx?$/.test(path) && !/\.(test|contract|source)\.tsx?$|(^|\/)(testing|test-support|package)\//.test(path),
    )
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
function roomOf(name: string, file: string): string {
  const parts = relative(join(root, 'packages', name, 'src'), file).split(sep);
  const inner = parts.slice(0, 2).join('/');
  return inner in (rooms[name] ?? {}) ? inner : (parts[0] ?? '');
}
