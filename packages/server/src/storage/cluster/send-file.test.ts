import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterAll, describe, expect, it } from 'vitest';
import { sendFile } from './send-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'throughline-send-file-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function fileOf(bytes: Buffer): string {
  const path = join(folder, `file-${readdirSync(folder).length}`);
  writeFileSync(path, bytes);
  return path;
}

const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** Reads what it is given when it has been called a moment later, as a socket that is full does. */
function slowStream(onPiece: (piece: Buffer, count: number) => Error | null): Writable {
  let count = 0;
  return new Writable({
    write(piece: Buffer, _encoding, done) {
      setImmediate(() => setImmediate(() => done(onPiece(piece, ++count))));
    },
  });
}

const hasOpen = (path: string): boolean =>
  readdirSync('/proc/self/fd').some((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === path;
    } catch {
      return false;
    }
  });

describe('sendFile', () => {
  it.each([0, 1, 1024 * 1024, 3_500_000])(
    'writes all of %i bytes in their order, and ends the stream',
    async (size) => {
      const bytes = randomBytes(size);
      const pieces: Buffer[] = [];
      const to = slowStream((piece) => {
        pieces.push(Buffer.from(piece));
        return null;
      });
      const finished = new Promise((resolve) => to.once('finish', resolve));
      await sendFile(fileOf(bytes), to);
      await finished;
      expect(digest(Buffer.concat(pieces))).toBe(digest(bytes));
    },
  );

  it('rejects with the error of a stream that fails in the middle, and closes the file', async () => {
    const path = fileOf(randomBytes(3_500_000));
    const to = slowStream((_, count) => (count === 2 ? new Error('no space left') : null));
    to.on('error', () => {});
    await expect(sendFile(path, to)).rejects.toThrow('no space left');
    expect(hasOpen(path)).toBe(false);
  });

  it('rejects where the stream is closed and never says what became of a piece', async () => {
    const path = fileOf(randomBytes(3_500_000));
    const to = new Writable({
      write() {
        setImmediate(() => this.destroy());
      },
    });
    await expect(sendFile(path, to)).rejects.toBeInstanceOf(Error);
    expect(hasOpen(path)).toBe(false);
  });

  it('rejects where there is no file, and closes the stream', async () => {
    const to = slowStream(() => null);
    to.on('error', () => {});
    await expect(sendFile(join(folder, 'none'), to)).rejects.toMatchObject({ code: 'ENOENT' });
    expect(to.destroyed).toBe(true);
  });
});
