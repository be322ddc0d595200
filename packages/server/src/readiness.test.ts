import { expect, test } from 'vitest';
import { readiness, type Findings } from './readiness.ts';

const WORKING = { backlogSegments: 0, backlogBytes: 0, backlogAgeMs: 0, blockedBy: null, rejectedSegments: [] };

const GOOD: Findings = {
  engine: { kind: 'ready' },
  spool: WORKING,
  counts: WORKING,
  lostLease: null,
  heldDays: null,
  clockDoubt: null,
  isStopping: false,
  isWithoutGrpc: false,
};

test('nothing is wrong with a collector that works', () => {
  expect(readiness(GOOD)).toEqual({ problems: [], warnings: [] });
});

test('what keeps it from its work is a problem, in words', () => {
  const spool = { ...GOOD.spool, blockedBy: 'the disk is full' };
  expect(
    readiness({ ...GOOD, spool, engine: { kind: 'down', reason: 'killed by SIGKILL' }, isStopping: true }),
  ).toEqual({
    problems: [
      { code: 'stopping', message: 'the collector is stopping' },
      { code: 'engine_down', message: 'killed by SIGKILL' },
      { code: 'spool_blocked', message: 'the disk is full' },
    ],
    warnings: [],
  });
  expect(readiness({ ...GOOD, lostLease: 'the store is in use by …' }).problems).toEqual([
    { code: 'store_not_leased', message: 'the store is in use by …' },
  ]);
  expect(readiness({ ...GOOD, engine: { kind: 'starting' } }).problems).toEqual([
    { code: 'engine_starting', message: 'the store is starting' },
  ]);
});

test('what is wrong is told without the password of a store', () => {
  const engine = { kind: 'down', reason: 'http://ann:s3cret@store:8123 cannot be reached' } as const;
  expect(readiness({ ...GOOD, engine }).problems).toEqual([
    { code: 'engine_down', message: 'http://ann:***@store:8123 cannot be reached' },
  ]);
});

test('what a person should look at is a warning', () => {
  const rejectedSegments = Array.from({ length: 12 }, (_, index) => `s${index}`);
  const spool = { ...GOOD.spool, rejectedSegments, backlogAgeMs: 40_000, backlogSegments: 3, backlogBytes: 500 };
  const { problems, warnings } = readiness({ ...GOOD, spool, isWithoutGrpc: true });
  expect(problems).toEqual([]);
  expect(warnings.map(({ code }) => code)).toEqual(['segments_set_aside', 'store_behind', 'otlp_grpc_off']);
  expect(warnings[0]?.message).toContain('s9 and 2 more');
  expect(warnings[1]?.message).toBe('the store is 40 s behind: 3 segments with 500 bytes wait to be stored');
});

test('days that are held, and a clock that may be wrong, are warnings', () => {
  const { problems, warnings } = readiness({ ...GOOD, heldDays: '3 days …', clockDoubt: 'the store has …' });
  expect(problems).toEqual([]);
  expect(warnings).toEqual([
    { code: 'days_held', message: '3 days …' },
    { code: 'clock_doubtful', message: 'the store has …' },
  ]);
});

test('exact counts that cannot be noted, or stored, are a warning', () => {
  const counts = { ...WORKING, blockedBy: 'the disk is full', rejectedSegments: ['s1'] };
  const { problems, warnings } = readiness({ ...GOOD, counts });
  expect(problems).toEqual([]);
  expect(warnings).toEqual([
    { code: 'segments_set_aside', message: expect.stringContaining('counts/spool/rejected: s1') as string },
    { code: 'counts_blocked', message: 'exact counts are not noted, and come later: the disk is full' },
  ]);
});
