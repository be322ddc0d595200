import { spawnSync } from 'node:child_process';
import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A rule of the plan, as `fault-injection/plan.c` reads it. */
export interface FaultRule {
  readonly process: 'any' | FaultyProcess;
  readonly kind: FaultKind;
  /** A pattern over the absolute path, `*` for any characters; of a rename, over either. */
  readonly pattern: string;
  /** The first call that it is for, from 1; default 1. */
  readonly first?: number;
  /** For how many calls from there on; default 1. */
  readonly times?: number;
  readonly action: FaultAction;
}

export type FaultyProcess = 'collector' | 'engine';
export type FaultKind = 'rename' | 'read' | 'write' | 'sync' | 'unlink' | 'create' | 'truncate' | 'link' | 'mkdir';
export type Casualty = 'self' | 'parent' | 'both';
export type FaultAction =
  | 'count'
  | 'short'
  | `fail ${'ENOSPC' | 'EIO' | 'EDQUOT' | 'EMFILE'}`
  | `delay ${number}`
  | `kill-${'before' | 'after'} ${Casualty}`;

/** Of the state's file. */
const HEADER_BYTES = 8;
const RULE_BYTES = 8;
const RULES_MAX = 32;

const sources = fileURLToPath(new URL('./fault-injection/', import.meta.url));
const compiler = ['cc', 'gcc', 'clang'].find((name) => spawnSync(name, ['--version']).status === 0);

/** Where it cannot be, the tests say so by being skipped; in CI it must be. */
export const canInjectFaults = process.platform === 'linux' && compiler !== undefined;
if (!canInjectFaults && process.env['CI']) throw new Error('CI must inject faults, and there is no C compiler');

let compiled: string | undefined;

/** The library, compiled once in a process. */
function library(): string {
  if (compiled !== undefined) return compiled;
  const path = join(mkdtempSync(join(tmpdir(), 'throughline-faults-')), 'faults.so');
  const files = readdirSync(sources)
    .filter((file) => file.endsWith('.c'))
    .map((file) => join(sources, file));
  const flags = ['-std=gnu17', '-O1', '-Wall', '-Wno-format-truncation', '-shared', '-fPIC'];
  const result = spawnSync(compiler ?? 'cc', [...flags, '-o', path, ...files, '-ldl', '-pthread'], {
    encoding: 'utf8',
  });
  if (result.status !== 0) throw new Error(`the library for faults does not compile:\n${result.stderr}`);
  return (compiled = path);
}

/**
 * Faults at chosen calls of the file system, in a collector that was started with `env`, its engine, and those that replace them:
 * the calls are counted across processes. The library finds its way into the engine by itself.
 */
export class FaultInjection {
  /** The control files' directory. */
  readonly directory = mkdtempSync(join(tmpdir(), 'throughline-faults-'));
  readonly env: Readonly<Record<string, string>> = { LD_PRELOAD: library(), FAULT_DIRECTORY: this.directory };
  #generation = 0;

  constructor(rules: readonly FaultRule[] = []) {
    this.plan(rules);
  }

  /** Takes the place of the plan that was; counting begins anew. */
  plan(rules: readonly FaultRule[]): void {
    if (rules.length > RULES_MAX) throw new RangeError(`at most ${RULES_MAX} rules`);
    const lines = rules.map(({ process: of, kind, pattern, first = 1, times = 1, action }) =>
      [of, kind, pattern, first, times, action].join(' '),
    );
    writeFileSync(join(this.directory, 'plan'), `${lines.join('\n')}\n`);
    const state = Buffer.alloc(HEADER_BYTES + RULES_MAX * RULE_BYTES);
    this.#generation += 1;
    const file = openSync(join(this.directory, 'state'), this.#generation === 1 ? 'w+' : 'r+');
    // The counters first: the plan holds from the moment when its number is there.
    writeSync(file, state, HEADER_BYTES, state.length - HEADER_BYTES, HEADER_BYTES);
    state.writeUInt32LE(this.#generation, 0);
    writeSync(file, state, 0, HEADER_BYTES, 0);
    closeSync(file);
  }

  /** How many calls the rule's kind and pattern were true of. */
  seen(rule = 0): number {
    return this.#counter(rule, 0);
  }

  /** To how many calls the rule was applied. */
  applied(rule = 0): number {
    return this.#counter(rule, 4);
  }

  /** A line for each call that a rule was applied to: rule, process, kind, path. */
  trace(): string[] {
    try {
      return readFileSync(join(this.directory, 'trace'), 'utf8').split('\n').slice(0, -1);
    } catch {
      return [];
    }
  }

  #counter(rule: number, offset: number): number {
    const bytes = Buffer.alloc(4);
    const file = openSync(join(this.directory, 'state'), 'r');
    readSync(file, bytes, 0, 4, HEADER_BYTES + rule * RULE_BYTES + offset);
    closeSync(file);
    return bytes.readUInt32LE(0);
  }
}
