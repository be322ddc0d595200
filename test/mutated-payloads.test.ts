import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Seeded } from '../packages/server/src/columns/testing/seeded.ts';
import { encodeOtlp } from '../packages/server/src/receivers/testing/encode-otlp.ts';
import { expectedRows, SELECT_ROWS } from '../packages/server/src/receivers/testing/expected-rows.ts';
import { fuzzCorpus } from '../packages/server/src/receivers/testing/fuzz-corpus.ts';
import { JsonMutator } from '../packages/server/src/receivers/testing/mutate-json.ts';
import { ProtobufMutator } from '../packages/server/src/receivers/testing/mutate-protobuf.ts';
import { spansOf, withStorableSpans } from '../packages/server/src/receivers/testing/payload-judge.ts';
import { readJson } from '../packages/server/src/receivers/testing/read-json.ts';
import { readProtobuf, type PlainRequest } from '../packages/server/src/receivers/testing/read-protobuf.ts';
import { startEngine } from '../packages/server/src/storage/testing/start-engine.ts';
import { isSpoolEmpty, startCollector } from './support/collector.ts';
import { MutantSenders, type Send } from './support/mutant-senders.ts';
import { eventually, residentBytes } from './support/processes.ts';

const IS_LONG = process.env['THROUGHLINE_TEST_LONG'] === 'true';
/** Through each way in. */
const PAYLOADS = IS_LONG ? 100_000 : 250;
const AT_ONCE = 8;
const SEED = Number(process.env['THROUGHLINE_TEST_SEED'] ?? 20_261_123);
const GROWTH_BYTES_MAX = 192 * 2 ** 20;
/** Mutated times lie in thousands of days, and each of them is a part of each derived table. */
const STORED_MS = IS_LONG ? 1_200_000 : 300_000;
/** The store is read back in so many parts. */
const PARTS = IS_LONG ? 16 : 1;

interface Mutator {
  next(): Buffer;
}

/** Rows by what they hold, and how often each may be stored. */
class Expectation {
  readonly rows = new Map<string, number>();
  readonly counts = {
    payloads: 0,
    accepted: 0,
    repeated: 0,
    refused: 0,
    busy: 0,
    spansStored: 0,
    spansRefused: 0,
    undecided: 0,
  };
  readonly #bodies = new Set<string>();

  /** The same bytes again, which are acknowledged as an exporter's repeat: nothing of them is stored twice. */
  isRepeat(body: Buffer): boolean {
    const key = createHash('sha1').update(body).digest('base64');
    if (!this.#bodies.has(key)) return !this.#bodies.add(key);
    this.counts.repeated += 1;
    return true;
  }

  add(request: PlainRequest, rejectedSpans: number): void {
    for (const row of expectedRows(withStorableSpans(request.data), 'latin1')) {
      const key = digest(row);
      this.rows.set(key, (this.rows.get(key) ?? 0) + 1);
    }
    this.counts.spansStored += spansOf(request.data).length - rejectedSpans;
    this.counts.spansRefused += rejectedSpans;
  }

  /** False for a row that was not sent, or not so often. */
  take(row: readonly unknown[]): boolean {
    const key = digest(row);
    const left = this.rows.get(key) ?? 0;
    this.rows.set(key, left - 1);
    return left > 0;
  }
}

function digest(row: readonly unknown[]): string {
  return createHash('sha1').update(JSON.stringify(row)).digest('base64');
}

it(
  `of ${PAYLOADS} mutated payloads over each way in, the store holds what was accepted, and nothing else`,
  async () => {
    const collector = await startCollector({
      // The corpus has times of its own, and more names than a day of a usual system.
      args: ['--retention-max-age', '36500d'],
      env: Object.fromEntries(
        ['SERVICES', 'OPERATIONS_PER_SERVICE', 'OPERATIONS'].map((what) => [
          `THROUGHLINE_ROLLUPS_${what}_MAX`,
          '1000000',
        ]),
      ),
    });
    const enginePid = collector.enginePid();
    const residentBefore = residentBytes(collector.pid);
    const senders = new MutantSenders(collector, new Seeded(SEED));
    const corpus = fuzzCorpus();
    const protobuf = new ProtobufMutator(
      new Seeded(SEED + 1),
      corpus.map((request) => encodeOtlp(request)),
    );
    const json = new JsonMutator(
      new Seeded(SEED + 2),
      corpus.map((request) => JSON.stringify(request)),
    );
    const expectation = new Expectation();
    for (const [name, mutator, send, read] of [
      ['protobuf', protobuf, senders.protobuf, readProtobuf],
      ['json', json, senders.json, readJson],
      ['grpc', protobuf, senders.grpc, readProtobuf],
    ] as const) {
      await sendAll(mutator, send, read, expectation);
      const residentMiB = Math.round(residentBytes(collector.pid) / 2 ** 20);
      console.log(
        `${name}: ${JSON.stringify({ seed: SEED, corpus: corpus.length, ...expectation.counts, residentMiB })}`,
      );
    }
    senders.close();
    await eventually('everything is stored', () => isSpoolEmpty(collector), STORED_MS);

    expect(await (await fetch(`${collector.apiUrl}/readyz`)).json()).toMatchObject({ problems: [], warnings: [] });
    expect(collector.enginePid()).toBe(enginePid);
    expect(residentBytes(collector.pid) - residentBefore).toBeLessThan(GROWTH_BYTES_MAX);
    await collector.stop({ keepData: true });
    const { counts } = expectation;
    expect(counts.accepted).toBeGreaterThan(counts.payloads / 4);
    expect(counts.refused).toBeGreaterThan(counts.payloads / 10);
    expect(counts.busy).toBe(0);
    expect(counts.undecided).toBeLessThanOrEqual(counts.payloads / 10_000);
    const found = await readBack(collector.dataDirectory, expectation);
    expect(found.unknown).toBe(0);
    // What a plain reader cannot read is not known to have spans.
    const stored = counts.undecided === 0 ? found.stored : counts.spansStored;
    expect(stored).toBe(counts.spansStored);
    rmSync(collector.dataDirectory, { recursive: true });
  },
  IS_LONG ? 3_600_000 : 600_000,
);

async function sendAll(
  mutator: Mutator,
  send: Send,
  read: (body: Buffer) => PlainRequest,
  expectation: Expectation,
): Promise<void> {
  const { counts } = expectation;
  let left = PAYLOADS;
  const sendSome = async (): Promise<void> => {
    while (left-- > 0) {
      const body = mutator.next();
      counts.payloads += 1;
      const answer = await send(body);
      counts[answer.kind] += 1;
      if (answer.kind !== 'accepted' || expectation.isRepeat(body)) continue;
      try {
        expectation.add(read(body), answer.rejectedSpans);
      } catch {
        // An attribute is left where its value is too deep; what is wrong behind that is not looked at.
        counts.undecided += 1;
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, sendSome));
}

async function readBack(dataDirectory: string, expectation: Expectation): Promise<{ stored: number; unknown: number }> {
  const store = await startEngine({}, join(dataDirectory, 'store'));
  const found = { stored: 0, unknown: 0 };
  try {
    for (let part = 0; part < PARTS; part++) {
      const rows = await store.rows(`${SELECT_ROWS} WHERE cityHash64(trace_id, span_id) % ${PARTS} = ${part}`, 60_000);
      found.stored += rows.length;
      for (const row of rows) {
        if (expectation.take(row)) continue;
        if (found.unknown === 0) console.log(`a row that was not sent: ${JSON.stringify(row).slice(0, 4_000)}`);
        found.unknown += 1;
      }
    }
    return found;
  } finally {
    await store[Symbol.asyncDispose]();
  }
}
