import * as fc from 'fast-check';
import { Registry } from 'prom-client';
import { beforeEach, describe, expect, it } from 'vitest';
import { RecentRequests } from './recent-requests.ts';
import type { IngestResult } from '../columns/ingest-result.ts';

let registry: Registry;
let nowMs: number;
beforeEach(() => {
  registry = new Registry();
  nowMs = 0;
});

const recentRequests = (recentRequestsMax = 100, recentRequestMs = 1_000): RecentRequests =>
  new RecentRequests({ registry, limits: { recentRequestsMax, recentRequestMs }, now: () => nowMs });

const bytes = (text: string): Uint8Array[] => [Buffer.from(text)];
const stored = (acceptedSpans: number, message = '', rejectedSpans = 0): IngestResult => ({
  kind: 'stored',
  acceptedSpans,
  rejectedSpans,
  message,
});
const BUSY: IngestResult = { kind: 'busy', retryAfterMs: 1_000, message: 'the disk is full' };

/** A commit that ends when the test says so. */
class Commits {
  readonly started: ((result: IngestResult | Error) => void)[] = [];
  readonly store = (): Promise<IngestResult> =>
    new Promise((resolve, reject) => {
      this.started.push((result) => (result instanceof Error ? reject(result) : resolve(result)));
    });
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a request that comes again', () => {
  it('gets the answer of the first one, with its rejected spans and its message, and is not stored', async () => {
    const requests = recentRequests();
    let calls = 0;
    for (const answer of [stored(3), stored(2, '1 span was rejected', 1), stored(1, '7 attributes were dropped')]) {
      const request = bytes(JSON.stringify(answer));
      const store = async (): Promise<IngestResult> => {
        calls += 1;
        return answer;
      };
      for (let time = 0; time < 3; time++) expect(await requests.once(request, store)).toEqual(answer);
    }
    expect(calls).toBe(3);
    expect(requests.repeated).toBe(6);
    expect(await registry.metrics()).toContain('throughline_repeated_requests_total 6');
  });

  it('waits while the first one is being committed', async () => {
    const requests = recentRequests();
    const commits = new Commits();
    const answers = [1, 2, 3].map(() => requests.once(bytes('a'), commits.store));
    await turn();
    expect(commits.started).toHaveLength(1);
    commits.started[0]?.(stored(5));
    expect(await Promise.all(answers)).toEqual([stored(5), stored(5), stored(5)]);
    expect(commits.started).toHaveLength(1);
  });

  it.each([BUSY, new Error('unexpected')])('is stored where the first one was not: %j', async (failure) => {
    const requests = recentRequests();
    const commits = new Commits();
    const [first, ...others] = [1, 2, 3].map(() => requests.once(bytes('a'), commits.store));
    const failed = first?.catch((error: unknown) => error);
    await turn();
    commits.started[0]?.(failure);
    expect(await failed).toBe(failure);
    await turn();
    // One of the others, and not both.
    expect(commits.started).toHaveLength(2);
    commits.started[1]?.(stored(4));
    expect(await Promise.all(others)).toEqual([stored(4), stored(4)]);
    expect(requests.repeated).toBe(1);
  });

  it('is taken as a new one where nothing of the first was stored', async () => {
    const requests = recentRequests();
    let calls = 0;
    for (const answer of [stored(0), BUSY, { kind: 'malformed', message: 'at byte 3' } as const]) {
      for (let time = 0; time < 2; time++) {
        await requests.once(bytes('a'), async () => {
          calls += 1;
          return answer;
        });
      }
    }
    expect([calls, requests.size, requests.repeated]).toEqual([6, 0, 0]);
  });

  it('is known by its bytes, wherever they are parted, and by nothing less', async () => {
    const body = fc.uint8Array({ minLength: 1, maxLength: 100 });
    await fc.assert(
      fc.asyncProperty(body, fc.array(fc.nat(100)), fc.nat(), fc.nat(7), async (whole, cuts, at, bit) => {
        registry = new Registry();
        const requests = recentRequests();
        await requests.once([whole], async () => stored(1));
        const places = [0, ...cuts.map((cut) => cut % whole.length).toSorted((a, b) => a - b), whole.length];
        const parts = places.map((place, index) => whole.subarray(places[index - 1] ?? 0, place));
        expect(await requests.once(parts, async () => stored(99))).toEqual(stored(1));
        const other = whole.slice();
        other[at % other.length] = (other[at % other.length] ?? 0) ^ (1 << bit);
        expect(await requests.once([other], async () => stored(2))).toEqual(stored(2));
        expect(await requests.once([whole, new Uint8Array(1)], async () => stored(3))).toEqual(stored(3));
      }),
      { seed: 20_261_128 },
    );
  });
});

const isKnown = async (requests: RecentRequests, name: string): Promise<boolean> => {
  const { repeated } = requests;
  await requests.once(bytes(name), async () => BUSY);
  return requests.repeated > repeated;
};

describe('what is remembered', () => {
  it('is forgotten by its age, not before it and not later than at twice as much', async () => {
    const requests = recentRequests();
    await requests.once(bytes('old'), async () => stored(1));
    nowMs = 999;
    await requests.once(bytes('young'), async () => stored(1));
    nowMs = 1_998;
    expect([await isKnown(requests, 'old'), await isKnown(requests, 'young')]).toEqual([true, true]);
    nowMs = 2_998;
    expect([await isKnown(requests, 'old'), await isKnown(requests, 'young')]).toEqual([false, false]);
    await requests.once(bytes('alone'), async () => stored(1));
    nowMs += 2_000;
    expect(await isKnown(requests, 'alone')).toBe(false);
    expect(requests.size).toBe(0);
  });

  it('is bounded in number, the oldest go first, and the limit is counted', async () => {
    const requests = recentRequests(10);
    for (let number = 0; number < 1_000; number++) {
      await requests.once(bytes(`request ${number}`), async () => stored(1));
      expect(requests.size).toBeLessThanOrEqual(10);
    }
    const known = [];
    for (let number = 0; number < 1_000; number++) if (await isKnown(requests, `request ${number}`)) known.push(number);
    expect(known.length).toBeGreaterThanOrEqual(5);
    expect(known).toEqual(Array.from({ length: known.length }, (_, index) => 1_000 - known.length + index));
    expect(await registry.metrics()).toContain('limit_reached_total{limit="ingest.recentRequestsMax"} 990');
  });

  it('is nothing where nothing is to be remembered', async () => {
    const requests = recentRequests(0);
    for (let time = 1; time <= 2; time++)
      expect(await requests.once(bytes('a'), async () => stored(time))).toEqual(stored(time));
    expect(requests.size).toBe(0);
  });
});
