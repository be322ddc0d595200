/** Most bytes that are read of a response; those of collectors are far shorter. */
export const RESPONSE_BYTES_MAX = 64 * 1024;
/** Of lines: the status, headers, sizes of chunks, trailers. Node's own limit for headers. */
const LINE_BYTES_MAX = 16 * 1024;
const LINE_FEED = 0x0a;
const NOTHING = Buffer.alloc(0);
const BEGIN = 'HTTP/1.';

/** What the next bytes are: a line of some kind, or `left` bytes of the body. */
type Expected = 'status' | 'header' | 'chunk size' | 'chunk' | 'chunk end' | 'trailer' | 'body';

/**
 * Reads one response of HTTP/1.1 (RFC 9112) as it comes, in pieces of any size. A response that is too long ends early.
 */
export class HttpResponseReader {
  status = 0;
  /** Names in lower case; of a header that is repeated, the last. */
  readonly headers = new Map<string, string>();
  hasBegun = false;
  isComplete = false;
  /** Whether another request may follow on the connection. */
  keepsConnection = false;
  #expected: Expected = 'status';
  /** Bytes of the body or of a chunk that are still to come. */
  #left = 0;
  /** The beginning of a line. */
  #rest: Buffer = NOTHING;
  #lineBytes = 0;
  readonly #parts: Buffer[] = [];
  #length = 0;

  get body(): Buffer {
    return this.#parts.length === 1 ? (this.#parts[0] as Buffer) : Buffer.concat(this.#parts);
  }

  /** @throws Error when this is no HTTP/1.1, and nothing more can be understood. */
  push(data: Buffer): void {
    this.hasBegun = true;
    let bytes = this.#rest.length === 0 ? data : Buffer.concat([this.#rest, data]);
    this.#rest = NOTHING;
    while (bytes.length > 0) {
      if (this.isComplete) {
        // No request belongs to what follows.
        this.keepsConnection = false;
        return;
      }
      const isLine = this.#expected !== 'body' && this.#expected !== 'chunk';
      const taken = isLine ? bytes.indexOf(LINE_FEED) + 1 : Math.min(bytes.length, this.#left);
      if (isLine && this.#lineBytes + (taken || bytes.length) > LINE_BYTES_MAX) {
        throw malformed('its headers are too long');
      }
      if (taken === 0) {
        if (this.#expected === 'status') checkBegin(bytes.toString('latin1', 0, BEGIN.length));
        this.#rest = bytes;
        return;
      }
      if (isLine) {
        this.#lineBytes += taken;
        this.#line(bytes.toString('latin1', 0, taken).trim());
      } else this.#take(bytes.subarray(0, taken));
      bytes = bytes.subarray(taken);
    }
  }

  /** The connection has ended, which may be how the response ends. */
  end(): void {
    if (this.#left === Infinity) this.isComplete = true;
  }

  #line(line: string): void {
    switch (this.#expected) {
      case 'status': {
        checkBegin(line.slice(0, BEGIN.length));
        const match = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: |$)/.exec(line);
        if (match === null) throw malformed('it has no status');
        this.keepsConnection = match[1] === '1';
        this.status = Number(match[2]);
        this.#expected = 'header';
        return;
      }
      case 'header':
        if (line === '') this.#beginBody();
        else this.#header(line);
        return;
      case 'chunk size':
        if (!/^[0-9a-f]{1,12}(?:[ \t]*;|$)/i.test(line)) throw malformed('a chunk has no size');
        this.#left = parseInt(line, 16);
        this.#expected = this.#left === 0 ? 'trailer' : 'chunk';
        return;
      case 'chunk end':
        if (line !== '') throw malformed('a chunk is longer than its size');
        this.#expected = 'chunk size';
        return;
      default:
        this.isComplete = line === '';
    }
  }

  #header(line: string): void {
    const colon = line.indexOf(':');
    if (colon < 1) throw malformed('a header has no name');
    const name = line.slice(0, colon).toLowerCase();
    let value = line.slice(colon + 1).trim();
    // RFC 9112, 6.3: the same length several times is one.
    if (name === 'content-length') value = value.replace(/^(\d+)(?:[ \t]*,[ \t]*\1)+$/, '$1');
    // Two lengths: nobody knows where the response ends.
    if (name === 'content-length' && (this.headers.get(name) ?? value) !== value)
      throw malformed('it has two different Content-Lengths');
    this.headers.set(name, value);
  }

  #beginBody(): void {
    const { headers, status } = this;
    if (status < 200) {
      // It only informs, and the response follows. No request wanted another protocol.
      if (status === 101) throw malformed('it switches protocols');
      headers.clear();
      this.#expected = 'status';
      return;
    }
    const connection = headers.get('connection');
    if (connection !== undefined) {
      this.keepsConnection = this.keepsConnection ? !/close/i.test(connection) : /keep-alive/i.test(connection);
    }
    const length = headers.get('content-length');
    this.#expected = 'body';
    if (status === 204 || status === 304) this.isComplete = true;
    else if (headers.has('transfer-encoding')) {
      if (/chunked$/i.test(headers.get('transfer-encoding') ?? '')) this.#expected = 'chunk size';
      else this.#untilTheEnd();
    } else if (length === undefined) this.#untilTheEnd();
    else if (/^\d{1,15}$/.test(length)) {
      this.#left = Number(length);
      this.isComplete = this.#left === 0;
    } else throw malformed('its Content-Length is not a number');
  }

  #untilTheEnd(): void {
    this.#left = Infinity;
    this.keepsConnection = false;
  }

  #take(bytes: Buffer): void {
    const room = RESPONSE_BYTES_MAX - this.#length;
    this.#parts.push(bytes.length > room ? bytes.subarray(0, room) : bytes);
    this.#length += bytes.length;
    this.#left -= bytes.length;
    if (this.#length > RESPONSE_BYTES_MAX) {
      this.isComplete = true;
      this.keepsConnection = false;
    } else if (this.#left === 0) {
      this.isComplete = this.#expected === 'body';
      if (this.#expected === 'chunk') this.#expected = 'chunk end';
    }
  }
}

function checkBegin(begin: string): void {
  if (!BEGIN.startsWith(begin)) throw malformed('it does not begin with HTTP/1.1');
}

function malformed(why: string): Error {
  return new Error(`Parse Error: the response is not HTTP/1.1: ${why}`);
}
