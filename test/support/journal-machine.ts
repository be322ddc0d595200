import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { newDirectory } from './collector.ts';
import { FaultInjection } from './fault-injection.ts';
import { RecordedDisk } from './recorded-disk.ts';

/** The journal of request metrics on a recorded disk, and the processes that hold it one after the other. */
export class JournalMachine {
  readonly root = newDirectory();
  readonly journal = join(this.root, 'counts', 'journal');
  readonly faults = new FaultInjection();
  readonly disk = new RecordedDisk(this.root, this.faults);
  /** Segments that must be somewhere. */
  readonly durable = new Set<number>();
  /** … and of these in the journal. */
  readonly kept = new Set<number>();
  written = 0;

  /** One process, until it is killed or has kept so many segments. */
  async live(segments: number): Promise<'closed' | 'killed'> {
    const script = fileURLToPath(new URL('./journal-keeper.mjs', import.meta.url));
    const args = [script, join(this.root, 'counts'), String(this.written), String(segments)];
    const child = spawn(process.execPath, args, {
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
    if (code !== 0 && signal !== 'SIGKILL') throw new Error(`the process ended by ${signal ?? code}:\n${errors}`);
    this.written += segments;
    for (const line of output.split('\n')) {
      const [what, value = ''] = line.split(' ');
      const number = Number(value);
      if (what === 'durable') this.durable.add(number);
      if (what === 'kept') this.kept.add(number);
      if (what === 'removed') for (const set of [this.durable, this.kept]) set.delete(number);
    }
    return signal === null ? 'closed' : 'killed';
  }

  /** What the disk has, read without the code that is tested: contents by their numbers. */
  found(): { readonly journal: ReadonlyMap<number, string>; readonly spool: ReadonlyMap<number, string> } {
    return {
      journal: contentsOf(this.journal, /^(\d{16})-\d+\.records$/),
      spool: contentsOf(join(this.root, 'counts', 'spool'), /^(\d+)$/),
    };
  }

  remove(): void {
    rmSync(this.root, { recursive: true });
    rmSync(this.faults.directory, { recursive: true });
  }
}

/** What a segment holds. */
export function segmentText(number: number): string {
  return `<${number}:${'x'.repeat((number * 797) % 3_000)}>`;
}

function contentsOf(directory: string, names: RegExp): Map<number, string> {
  const found = new Map<number, string>();
  for (const name of existsSync(directory) ? readdirSync(directory) : []) {
    const [, number] = names.exec(name) ?? [];
    if (number !== undefined) found.set(Number(number), readFileSync(join(directory, name), 'latin1'));
  }
  return found;
}
