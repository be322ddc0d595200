import { expect, test } from 'vitest';
import { isReadFailure, signOfDamage } from './damage-signs.ts';
import { EngineError } from './engine.ts';

const failed = (clickhouseCode: number, message: string): EngineError =>
  new EngineError('rejected', message, { clickhouseCode });
const UUID = '40191a39-b5d8-49b5-b1e8-4d156f303dc4';
const PART = { tableUuid: UUID, part: '20231114_1_1_0' };

test('a part that a failed statement names is suspected, whatever the code', () => {
  const path = `/data/store/store/401/${UUID}/20231114_1_1_0`;
  expect(signOfDamage(failed(40, `Checksum doesn't match: While reading ${path}/data.bin (position: 8422)`))).toEqual(
    PART,
  );
  expect(signOfDamage(failed(107, `Cannot open file ${path}/primary.idx: , errno: 2`))).toEqual(PART);
  expect(signOfDamage(failed(1001, `filesystem error: in file_size: ["${path}/data.cmrk4"]`))).toEqual(PART);
  expect(signOfDamage(failed(33, `(while reading from part ${path}/ in table throughline.spans)`))).toEqual(PART);
  const all = `/data/store/store/401/${UUID}/all_1_12_2_14/data.bin`;
  expect(signOfDamage(failed(246, all))).toEqual({ tableUuid: UUID, part: 'all_1_12_2_14' });
});

test('a read that failed is looked into, and told from damage', () => {
  const message = `Cannot read from file /store/401/${UUID}/20231114_1_1_0/data.bin: , errno: 5, strerror: Input/output error`;
  expect(signOfDamage(failed(74, message))).toEqual(PART);
  expect(signOfDamage(failed(76, message))).toEqual(PART);
  expect(signOfDamage(failed(76, `Cannot open /store/401/${UUID}/20231114_1_1_0/data.bin: , errno: 24`))).toBeNull();
  expect([message, 'Checksum does not match'].map(isReadFailure)).toEqual([true, false]);
});

test('a code of damage without a part may be any; other errors are none, and those that pass never are', () => {
  expect(signOfDamage(failed(32, 'Attempt to read after eof'))).toBe('unnamed');
  expect(signOfDamage(failed(62, 'Syntax error'))).toBeNull();
  expect(signOfDamage(failed(107, 'Cannot open file /data/fresh/1.native'))).toBeNull();
  expect(signOfDamage(failed(241, `Memory limit: /store/401/${UUID}/20231114_1_1_0/data.bin`))).toBeNull();
  expect(signOfDamage(new EngineError('unavailable', 'the engine is down'))).toBeNull();
  expect(signOfDamage(new TypeError('x'))).toBeNull();
});
