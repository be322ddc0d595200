import { expect, it } from 'vitest';
import { EngineError } from './engine.ts';
import { insertAdvice, isDataError } from './insert-failure.ts';

const PART = '/data/store/store/604/604d725d-932d-4471-a3ab-8283d46bb4a4/20261128_1_1_0';
const refused = (message: string, clickhouseCode: number, isAboutStore = false): EngineError =>
  new EngineError('rejected', message, { clickhouseCode, isAboutStore });

it('a value that cannot be read may be the fault of what was inserted', () => {
  expect(isDataError(refused('Code: 27. DB::Exception: Cannot parse input', 27))).toBe(true);
  expect(isDataError(refused('Code: 241. DB::Exception: Memory limit exceeded', 241))).toBe(false);
});

it.each([27, 32, 33, 40, 117, 131, 228])(
  'an error that names a part of the store is never about what was inserted: %i',
  (code) => {
    const message = `Code: ${code}. DB::Exception: Cannot read all data: (while reading from part ${PART}/ in table throughline.spans)`;
    expect(isDataError(refused(message, code))).toBe(false);
    expect(insertAdvice(refused(message, code))).toContain('throughline check');
  },
);

it('neither is one that is known to come from reading the store', () => {
  expect(isDataError(refused('Code: 33. DB::Exception: Cannot read all data', 33, true))).toBe(false);
  expect(insertAdvice(refused('Code: 33. DB::Exception: Cannot read all data', 33, true))).toContain(
    'throughline check',
  );
});

it.each([401, 403, 404, 407, 413, 429])('leads from the response of a proxy to advice about it: %i', (status) => {
  const message = `http://store:8123 responded with ${status}, but not as ClickHouse does: no`;
  expect(insertAdvice(new EngineError('unavailable', message))).toContain('proxy');
});
