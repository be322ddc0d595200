import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { extname, join, relative, sep } from 'node:path';
import { UI_PAGES } from '@throughline/trace/client';
import type { ApiResponse } from '../http/response.ts';
import {
  COMPRESSED_BYTES_MIN,
  compressBest,
  isCompressible,
  preferredCoding,
  type ContentCoding,
} from '../http/content-coding.ts';

/** Paths at which the page itself decides what to show. */
const PAGE_PATHS = new RegExp(
  `^(?:${Object.values(UI_PAGES)
    .map((path) => path.replace(/\/?$/, '/?').replace(/:\w+/g, '[^/]+'))
    .join('|')})$`,
);

/** As the built page holds it; the server writes the prefix that it is served under in its place. */
const BASE_ELEMENT = '<base href="/" />';

/** The smaller first: each is compressed once. */
const CODINGS: readonly ContentCoding[] = ['br', 'gzip'];

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
  /** The same, compressed when it was first requested. */
  readonly compressed: Map<ContentCoding, Promise<Uint8Array>>;
}

/** Headers of a request, as they are. */
interface FileRequest {
  readonly ifNoneMatch?: string | undefined;
  readonly acceptEncoding?: string | undefined;
}

/** The built web UI, read once into memory: no path of a request ever reaches the file system. */
export class StaticUi {
  readonly #files: ReadonlyMap<string, UiFile>;

  /** By path, such as `/assets/index-B2x.js`. */
  constructor(files: ReadonlyMap<string, UiFile>) {
    this.#files = files;
  }

  /** A directory that does not exist gives a UI that says so. `basePath`: such as `/tracing`, '' for none. */
  static async read(directory: string, basePath = ''): Promise<StaticUi> {
    const files = new Map<string, UiFile>();
    for (const name of await filesBelow(directory)) {
      const path = `/${relative(directory, name).split(sep).join('/')}`;
      const bytes = await readFile(name);
      files.set(path, uiFile(path, extname(path) === '.html' ? withBase(bytes, basePath) : bytes));
    }
    return new StaticUi(files);
  }

  /** Null when the path is none of the UI's. */
  async answer(path: string, { ifNoneMatch, acceptEncoding }: FileRequest = {}): Promise<ApiResponse | null> {
    const file = this.#files.get(PAGE_PATHS.test(path) ? '/index.html' : path);
    if (file === undefined) return PAGE_PATHS.test(path) ? NOT_BUILT : null;
    const { contentType, bytes } = file;
    const isOpen = isCompressible(contentType) && bytes.length >= COMPRESSED_BYTES_MIN;
    const coding = isOpen ? preferredCoding(acceptEncoding, CODINGS) : null;
    const headers = {
      'Cache-Control': file.cacheControl,
      ETag: taggedFor(file, coding),
      ...(isOpen && { Vary: 'Accept-Encoding' }),
    };
    // Whoever has the file, in whatever coding, needs no other.
    const own = new Set([null, ...CODINGS].map((variant) => taggedFor(file, variant)));
    const unchanged = ifNoneMatch?.split(',').some((tag) => own.has(tag.trim().replace(/^W\//, ''))) ?? false;
    if (unchanged) return { status: 304, contentType, headers, body: '' };
    if (coding === null) return { status: 200, contentType, headers, body: bytes };
    const body = await compressedOnce(file, coding);
    return { status: 200, contentType, headers: { ...headers, 'Content-Encoding': coding }, body };
  }

  /** For a person who came to a path that is nobody's: the page, which says so. Null where it has not been built. */
  notFound(): ApiResponse | null {
    const page = this.#files.get('/index.html');
    if (page === undefined) return null;
    return { status: 404, contentType: page.contentType, headers: { 'Cache-Control': 'no-store' }, body: page.bytes };
  }
}

function compressedOnce({ bytes, compressed }: UiFile, coding: ContentCoding): Promise<Uint8Array> {
  const known = compressed.get(coding);
  if (known !== undefined) return known;
  const bytesWhenDone = compressBest(bytes, coding);
  compressed.set(coding, bytesWhenDone);
  // The next request tries again; the one that waits hears of it.
  bytesWhenDone.catch(() => compressed.delete(coding));
  return bytesWhenDone;
}

/** Each coding is a representation of its own (RFC 9110, section 8.8.3.3). */
function taggedFor({ etag }: UiFile, coding: ContentCoding | null): string {
  return coding === null ? etag : `${etag.slice(0, -1)}-${coding}"`;
}

/** What the page names relative to its base is found behind the prefix, whatever the path that it is shown at. */
function withBase(bytes: Uint8Array, basePath: string): Uint8Array {
  const page = Buffer.from(bytes).toString('utf8');
  return Buffer.from(page.replace(BASE_ELEMENT, `<base href="${basePath}/" />`));
}

const NOT_BUILT: ApiResponse = {
  status: 503,
  contentType: 'text/html; charset=utf-8',
  headers: { 'Cache-Control': 'no-store' },
  body: `<!doctype html>
<html lang="en">
<title>Throughline</title>
<h1>The web UI has not been built</h1>
<p>Run <code>npm run build</code> and start again. The API answers at <code>/api/v1/</code>.</p>
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
    compressed: new Map(),
  };
}
