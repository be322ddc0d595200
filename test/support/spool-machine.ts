import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { newDirectory } from './collector.ts';
import { FaultInjection } from './fault-injection.ts';
import { RecordedDisk } from './recorded-disk.ts';

/** A spool on a recorded disk, and the processes that hold it one after the other. The store is elsewhere, and forgets nothing. */
export class SpoolMachine {
  readonly root = newDirectory();
  readonly spool = join(this.root, 'data', 'spool');
  readonly faults = new FaultInjection();
  readonly disk = new RecordedDisk(this.root, this.faults);
  readonly durable = new Set<number>();
  readonly rejected: string[] = [];
  appended = 0;
  readonly #taken = join(this.faults.directory, 'taken');

  /** What the store was given, in order, every time. */
  get taken(): number[] {
    const text = existsSync(this.#taken) ? readFileSync(this.#taken, 'utf8') : '';
    return text.split('\n').slice(0, -1).map(Number);
  }

  /** One process, until it is killed or has appended so many blocks and closed the spool. */
  async live(blocks: number): Promise<'closed' | 'killed'> {
    const script = fileURLToPath(new URL('./spool-writer.mjs', import.meta.url));
    const child = spawn(process.execPath, [script, this.spool, this.#taken, String(this.appended), String(blocks)], {
      env: { ...process.env, ...this.faults.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    let errors = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
    const [code, signal] = await new Promise<[number | null, string | null]>((resolve) =>
      child.once('close', (...end) => resolve(end)),
    );
    if (code !== 0 && signal !== 'SIGKILL')
      throw new Error(`the process with the spool ended by ${signal ?? code}:\n${errors}`);
    this.appended += blocks;
    for (const line of output.split('\n')) {
      const [what, value = ''] = line.split(' ');
      if (what === 'durable') this.durable.add(Number(value));
      if (what === 'rejected') this.rejected.push(value);
    }
    return signal === null ? 'closed' : 'killed';
  }

  remove(): void {
    rmSync(this.root, { recursive: true });
    rmSync(this.faults.directory, { recursive: true });
  }
}
