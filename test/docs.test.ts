import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openApiMarkdown } from '../scripts/openapi-markdown.mjs';
import { openApiTypes } from '../scripts/openapi-types.mjs';
import { root } from '../scripts/workspace.mjs';
import { startCollector, type Collector } from './support/collector.ts';

const pages = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((path) => path !== '' && existsSync(join(root, path)));

describe('the documents', () => {
  it.each(pages)('%s leads to files and headings that are there', (page) => {
    const text = withoutCode(read(page));
    const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!);
    expect(targets.filter((target) => !isThere(page, target))).toEqual([]);
  });

  it.each(pages)('%s has one title', (page) => {
    expect(withoutCode(read(page)).match(/^# /gm) ?? []).toHaveLength(1);
  });

  it('are all reached from the README', () => {
    const reached = new Set<string>();
    const visit = (page: string): void => {
      if (reached.has(page)) return;
      reached.add(page);
      for (const [, target] of read(page).matchAll(/\]\(([^)\s#]+)[^)]*\)/g)) {
        const path = pathOf(page, target!);
        if (pages.includes(path)) visit(path);
        else if (pages.includes(join(path, 'README.md'))) visit(join(path, 'README.md'));
      }
    };
    visit('README.md');
    expect(pages.filter((page) => page.startsWith('docs/') && !reached.has(page))).toEqual([]);
  });
});

describe('docs/sampling.md', () => {
  it('quotes what the UI says of an estimated and of a biased count', () => {
    const [estimated = '', biased = ''] = read('packages/ui/src/parts/count-text.golden.txt').split('\n');
    const text = read('docs/sampling.md').replaceAll(/\s+/g, ' ');
    expect(text).toContain(estimated);
    expect(text).toContain(biased.slice(biased.indexOf('. ') + 2));
  });
});

describe('a collector', () => {
  let collector: Collector;
  beforeAll(async () => {
    collector = await startCollector();
  });
  afterAll(async () => void (await collector.stop()));
  const answer = async (path: string): Promise<Response> => fetch(`${collector.apiUrl}${path}`);

  it('says of its API what the reference says (made by scripts/api-reference.mjs)', async () => {
    const described: unknown = await (await answer('/api/v1/openapi.json')).json();
    expect(read('docs/api.md')).toBe(openApiMarkdown(described));
  });

  it('completes "Returns …" in the reference with a noun phrase', () => {
    const returned = [...read('docs/api.md').matchAll(/^Returns (.*)$/gm)].map(([, phrase]) => phrase!);
    expect(returned.length).toBeGreaterThan(25);
    expect(returned.filter((phrase) => !/^(?:an?|the|what) /.test(phrase))).toEqual([]);
  });

  it('has the types that the client has (made by scripts/api-types.mjs)', async () => {
    const described: unknown = await (await answer('/api/v1/openapi.json')).json();
    expect(read('packages/trace/src/client/api-types.ts')).toBe(await openApiTypes(described));
  });

  it('has every metric that the documents name', async () => {
    // Servers of the store have metrics of their own, whether they are there or not; so has what is switched on.
    const onServers = await startCollector({ args: ['--store', 'http://127.0.0.1:9', '--mcp'], startsDown: true });
    const both = [collector, onServers].map(async ({ apiUrl }) => (await fetch(`${apiUrl}/metrics`)).text());
    const metrics = (await Promise.all(both)).join('\n');
    await onServers.stop();
    const known = [...metrics.matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => name!);
    const named = pages
      .filter((page) => page.startsWith('docs/') || page === 'README.md')
      .flatMap((page) => [...read(page).matchAll(/`(throughline_[a-z_0-9]+)/g)].map(([, name]) => name!));
    const isKnown = (name: string): boolean =>
      known.some((one) => one === name || (name.endsWith('_') && one.startsWith(name)));
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter((name) => !isKnown(name))).toEqual([]);
  });
});

it('the guide to trouble has every code of /readyz', () => {
  const source = read('packages/server/src/readiness.ts');
  const ofNodes = read('packages/server/src/storage/store-node.ts');
  const found = [...source.matchAll(/code: '(\w+)'/g), ...ofNodes.matchAll(/\| '(store_node_\w+)'/g)];
  const codes = found.map(([, code]) => code!);
  expect(codes.length).toBeGreaterThan(10);
  const guide = read('docs/troubleshoot.md');
  expect(codes.filter((code) => !guide.includes(`| \`${code}\` |`))).toEqual([]);
});

function read(page: string): string {
  return readFileSync(join(root, page), 'utf8');
}

function withoutCode(text: string): string {
  return text.replaceAll(/^```[\s\S]*?^```/gm, '').replaceAll(/`[^`\n]*`/g, '');
}

function pathOf(page: string, target: string): string {
  return relative(root, normalize(join(root, dirname(page), decodeURIComponent(target))));
}

function isThere(page: string, target: string): boolean {
  if (/^[a-z]+:/.test(target)) return true;
  const [file = '', anchor] = target.split('#');
  const path = file === '' ? page : pathOf(page, file);
  if (!existsSync(join(root, path))) return false;
  if (anchor === undefined || anchor === '' || statSync(join(root, path)).isDirectory()) return true;
  return anchorsOf(readFileSync(join(root, path), 'utf8')).includes(anchor);
}

/** As GitHub makes them: in lower case, without punctuation, spaces as hyphens. */
function anchorsOf(text: string): string[] {
  const headings = [...text.replaceAll(/^```[\s\S]*?^```/gm, '').matchAll(/^#{1,6} (.*)$/gm)].map(([, heading]) =>
    heading!
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
  return headings.map((anchor, place) => {
    const before = headings.slice(0, place).filter((other) => other === anchor).length;
    return before === 0 ? anchor : `${anchor}-${before}`;
  });
}
