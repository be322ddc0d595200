import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StaticUi } from './static-ui.ts';

describe('StaticUi', () => {
  let directory: string;
  let ui: StaticUi;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'throughline-ui-'));
    await mkdir(join(directory, 'assets'));
    await writeFile(join(directory, 'index.html'), '<!doctype html>page');
    await writeFile(join(directory, 'assets', 'index-1a2b.js'), 'code()');
    ui = await StaticUi.read(directory);
  });
  afterAll(() => rm(directory, { recursive: true }));

  it('answers the page at every path at which the page decides what to show', () => {
    const pages = [
      '/',
      '/services',
      '/explore',
      '/trace/abc',
      '/compare',
      '/operation',
      '/map',
      '/system',
      '/explore/',
    ];
    for (const path of pages) {
      expect(ui.answer(path, undefined)).toMatchObject({ status: 200, contentType: 'text/html; charset=utf-8' });
    }
  });

  it('answers nothing elsewhere, whatever the path tries', () => {
    for (const path of [
      '/nothing',
      '/trace',
      '/trace/a/b',
      '/api/v1/x',
      '/assets',
      '/assets/../index.html',
      '/../etc',
    ]) {
      expect(ui.answer(path, undefined)).toBeNull();
    }
  });

  it('has the page say it to a person who came to a path that is nobody’s', () => {
    expect(ui.notFound()).toMatchObject({ status: 404, contentType: 'text/html; charset=utf-8' });
  });

  it('lets browsers keep hashed assets for good and ask again for the page', () => {
    expect(ui.answer('/assets/index-1a2b.js', undefined)).toMatchObject({
      contentType: 'text/javascript; charset=utf-8',
      headers: { 'Cache-Control': 'public, max-age=31536000, immutable' },
    });
    const page = ui.answer('/services', undefined);
    expect(page?.headers?.['Cache-Control']).toBe('no-cache');
    const etag = page?.headers?.['ETag'] ?? '';
    expect(ui.answer('/services', `"x", W/${etag}`)).toMatchObject({ status: 304, body: '' });
    expect(ui.answer('/services', '"x"')).toMatchObject({ status: 200 });
  });

  it('says so where the UI has not been built', async () => {
    const missing = await StaticUi.read(join(directory, 'missing'));
    const answer = missing.answer('/services', undefined);
    expect(answer).toMatchObject({ status: 503 });
    expect(answer?.body).toContain('has not been built');
    expect(missing.answer('/assets/x.js', undefined)).toBeNull();
  });
});
