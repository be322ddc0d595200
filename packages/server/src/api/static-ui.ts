import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { extname, join, relative, sep } from 'node:path';
import type { Answer } from './answer.ts';

/** Paths at which the page itself decides what to show. */
const PAGE_PATHS = /^\/(?:services|explore|compare|operation|map|system)?\/?$|^\/trace\/[^/]+\/?$/;

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.map': 'application/json; charset=utf-8',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.webmanifest': 'application/manifest+json',
  '.woff2': 'font/woff2',
};

interface UiFile {
  readonly contentType: string;
  readonly etag: string;
  readonly cacheControl: string;
  readonly bytes: Uint8Array;
}

/** The built web UI, read once into memory: no path of a request ever reaches the file system. */
export class StaticUi {
  readonly #files: ReadonlyMap<string, UiFile>;

  /** By path, such as `/assets/index-B2x.js`. */
  constructor(files: ReadonlyMap<string, UiFile>) {
    this.#files = files;
  }

  /** A directory that does not exist gives a UI that says so. */
  static async read(directory: string): Promise<StaticUi> {
    const files = new Map<string, UiFile>();
    for (const name of await filesBelow(directory)) {
      const path = `/${relative(directory, name).split(sep).join('/')}`;
      files.set(path, uiFile(path, await readFile(name)));
    }
    return new StaticUi(files);
  }

  /** Null when the path is none of the UI's. `ifNoneMatch` is the request's header. */
  answer(path: string, ifNoneMatch: string | undefined): Answer | null {
    const file = this.#files.get(PAGE_PATHS.test(path) ? '/index.html' : path);
    if (file === undefined) return PAGE_PATHS.test(path) ? NOT_BUILT : null;
    const headers = { 'Cache-Control': file.cacheControl, ETag: file.etag };
    const unchanged = ifNoneMatch?.split(',').some((tag) => tag.trim().replace(/^W\//, '') === file.etag) ?? false;
    return { status: unchanged ? 304 : 200, contentType: file.contentType, headers, body: unchanged ? '' : file.bytes };
  }

  /** For a person who came to a path that is nobody's: the page, which says so. Null where it has not been built. */
  notFound(): Answer | null {
    const page = this.#files.get('/index.html');
    if (page === undefined) return null;
    return { status: 404, contentType: page.contentType, headers: { 'Cache-Control': 'no-store' }, body: page.bytes };
  }
}

const NOT_BUILT: Answer = {
  status: 503,
  contentType: 'text/html; charset=utf-8',
  headers: { 'Cache-Control': 'no-store' },
  body: `<!doctype html>
<html lang="en">
<title>Throughline</title>
<h1>The web UI has not been built</h1>
<p>Run <code>npm run build</code> and start again. The API answers at <a href="/api/v1/openapi.json">/api/v1/</a>.</p>
</html>
`,
};

async function filesBelow(directory: string): Promise<string[]> {
  try {
    const entries = await readdir(directory, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** What the build puts under `/assets/` carries a hash of its content in its name, so it never changes. */
function uiFile(path: string, bytes: Uint8Array): UiFile {
  return {
    contentType: CONTENT_TYPES[extname(path)] ?? 'application/octet-stream',
    etag: `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`,
    cacheControl: path.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
    bytes,
  };
}
