import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StaticUi } from './static-ui.ts';

const LARGE = 'code();'.repeat(1_000);

describe('StaticUi', () => {
  let directory: string;
  let ui: StaticUi;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'throughline-ui-'));
    await mkdir(join(directory, 'assets'));
    await writeFile(join(directory, 'index.html'), '<!doctype html><base href="/" />page');
    await writeFile(join(directory, 'assets', 'large-1a2b.js'), LARGE);
    await writeFile(join(directory, 'assets', 'inter-1a2b.woff2'), LARGE);
    await writeFile(join(directory, 'assets', 'index-1a2b.js'), 'code()');
    ui = await StaticUi.read(directory);
  });
  afterAll(() => rm(directory, { recursive: true }));

  it('answers the page at every path at which the page decides what to show', async () => {
    for (const path of ['/', '/services', '/explore', '/trace/abc', '/system', '/explore/']) {
      expect(await ui.answer(path)).toMatchObject({ status: 200, contentType: 'text/html; charset=utf-8' });
    }
  });

  it('writes the prefix into the page, so that what the page names is found behind it', async () => {
    const behind = await StaticUi.read(directory, '/tracing');
    expect(await pageOf(behind)).toBe('<!doctype html><base href="/tracing/" />page');
    expect(await pageOf(ui)).toBe('<!doctype html><base href="/" />page');
  });

  it('answers nothing elsewhere, whatever the path tries', async () => {
    for (const path of [
      '/nothing',
      '/trace',
      '/trace/a/b',
      '/api/v1/x',
      '/assets',
      '/assets/../index.html',
      '/../etc',
    ]) {
      expect(await ui.answer(path)).toBeNull();
    }
  });

  it('has the page say it to a person who came to a path that is nobody’s', () => {
    expect(ui.notFound()).toMatchObject({ status: 404, contentType: 'text/html; charset=utf-8' });
  });

  it('lets browsers keep hashed assets for good and ask again for the page', async () => {
    expect(await ui.answer('/assets/index-1a2b.js')).toMatchObject({
      contentType: 'text/javascript; charset=utf-8',
      headers: { 'Cache-Control': 'public, max-age=31536000, immutable' },
    });
    const page = await ui.answer('/services');
    expect(page?.headers?.['Cache-Control']).toBe('no-cache');
    const etag = page?.headers?.['ETag'] ?? '';
    expect(await ui.answer('/services', { ifNoneMatch: `"x", W/${etag}` })).toMatchObject({ status: 304, body: '' });
    expect(await ui.answer('/services', { ifNoneMatch: '"x"' })).toMatchObject({ status: 200 });
  });

  it('sends a file in the coding that the client takes, each with a tag of its own', async () => {
    const path = '/assets/large-1a2b.js';
    const plain = await ui.answer(path);
    const gzip = await ui.answer(path, { acceptEncoding: 'gzip' });
    const brotli = await ui.answer(path, { acceptEncoding: 'gzip, br' });
    expect([plain, gzip, brotli].map((answer) => answer?.headers?.['Content-Encoding'])).toEqual([
      undefined,
      'gzip',
      'br',
    ]);
    expect([plain, gzip, brotli].map((answer) => answer?.headers?.['Vary'])).toEqual(Array(3).fill('Accept-Encoding'));
    expect(new Set([plain, gzip, brotli].map((answer) => answer?.headers?.['ETag'])).size).toBe(3);
    expect(gunzipSync(gzip?.body as Uint8Array).toString()).toBe(LARGE);
    expect(brotliDecompressSync(brotli?.body as Uint8Array).toString()).toBe(LARGE);
    expect((await ui.answer(path, { acceptEncoding: 'gzip' }))?.body).toBe(gzip?.body);
    const again = await ui.answer(path, { acceptEncoding: 'br', ifNoneMatch: gzip?.headers?.['ETag'] });
    expect(again).toMatchObject({ status: 304, headers: { ETag: brotli?.headers?.['ETag'] } });
  });

  it('leaves as it is what is small, or compressed already', async () => {
    for (const path of ['/assets/index-1a2b.js', '/assets/inter-1a2b.woff2']) {
      const answer = await ui.answer(path, { acceptEncoding: 'gzip, br' });
      expect(answer?.headers).not.toHaveProperty('Content-Encoding');
      expect(answer?.headers).not.toHaveProperty('Vary');
    }
  });

  it('says so where the UI has not been built', async () => {
    const missing = await StaticUi.read(join(directory, 'missing'));
    const answer = await missing.answer('/services');
    expect(answer).toMatchObject({ status: 503 });
    expect(answer?.body).toContain('not been built');
    expect(await missing.answer('/assets/x.js')).toBeNull();
  });
});

async function pageOf(ui: StaticUi): Promise<string> {
  return Buffer.from((await ui.answer('/trace/abc'))?.body as Uint8Array).toString();
}
