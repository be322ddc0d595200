import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** By how much V8's heap may grow beyond what lives in it before all of it is looked through again, in percent. */
const HEAP_GROWTH_PERCENT = 200;

/**
 * Bodies of requests lie outside V8's heap, which counts them to it: with 100 MB of them a second it looked through a
 * heap of 12 MB eight times a second, which was a quarter of the collector's CPU. What lives stays as small as it was.
 */
export function growHeapWithBodies(): void {
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWTH_PERCENT}`);
}

export interface QuietHeapOptions {
  /** CPU time of this process so far, in microseconds. */
  readonly cpuUs?: () => number;
  readonly collect?: () => void;
  /** Gives back what the C library holds free. */
  readonly trim?: (() => void) | null;
}

const LOOK_MS = 5_000;
/** CPU of a core, in percent, from which on the process is at work, and up to which it is quiet. */
const BUSY_PERCENT = 20;
const QUIET_PERCENT = 5;
/** So many quiet looks in a row come before a collection. */
const QUIET_LOOKS = 3;
/**
 * So many looks after a collection what is free is given back: when V8 has swept, and when threads without work have
 * ended.
 */
const TRIM_LOOKS: readonly number[] = [1, 6];

/**
 * V8 collects when something is allocated: behind a load, where nothing is any more, the process would keep for good
 * what the last requests left. One collection when it has become quiet gives back half of what it holds (measured: 144
 * to 98 MB behind saturation, for 90 ms of CPU). Of the buffers that are free then the C library keeps most, between
 * others that are in use, until somebody has it look for whole pages (measured: 153 to 77 MB, for 10 ms).
 */
export class QuietHeap {
  readonly #cpuUs: () => number;
  readonly #collect: () => void;
  readonly #trim: (() => void) | null;
  #looksSinceCollection = Number.POSITIVE_INFINITY;
  #lastUs = 0;
  #wasBusy = false;
  #quietLooks = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(options: QuietHeapOptions = {}) {
    this.#cpuUs = options.cpuUs ?? cpuOfProcess;
    this.#collect = options.collect ?? collectGarbage;
    this.#trim = options.trim ?? null;
  }

  start(): void {
    this.#lastUs = this.#cpuUs();
    this.#timer = setInterval(() => this.#look(), LOOK_MS).unref();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  #look(): void {
    const now = this.#cpuUs();
    const percent = (now - this.#lastUs) / (LOOK_MS * 10);
    this.#lastUs = now;
    if (percent >= BUSY_PERCENT) this.#wasBusy = true;
    this.#quietLooks = percent <= QUIET_PERCENT ? this.#quietLooks + 1 : 0;
    this.#looksSinceCollection += 1;
    if (TRIM_LOOKS.includes(this.#looksSinceCollection)) this.#trim?.();
    if (!this.#wasBusy || this.#quietLooks < QUIET_LOOKS) return;
    this.#wasBusy = false;
    this.#collect();
    this.#looksSinceCollection = 0;
    // It is work of its own.
    this.#lastUs = this.#cpuUs();
  }
}

function cpuOfProcess(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** Node has it behind a flag, which a new context heeds. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as unknown;
  if (typeof collect === 'function') collect();
}
