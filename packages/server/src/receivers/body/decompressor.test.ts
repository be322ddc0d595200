import { EventEmitter } from 'node:events';
import { gzipSync } from 'node:zlib';
import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { BodyError, SenderGoneError } from './body-error.ts';
import { BodyParts } from './body-parts.ts';
import { ByteBudget } from './byte-budget.ts';
import { Decompressor } from './decompressor.ts';

const MIB = 1024 * 1024;
/** Too large to be decompressed at once. */
const BODY = gzipSync(Buffer.alloc(4 * MIB));

class Sender extends EventEmitter {
  destroyed = false;

  leave(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

test('a body whose sender has gone gives up its place among those that wait to be decompressed', async () => {
  const registry = new Registry();
  const budget = new ByteBudget({ registry });
  const decompressor = new Decompressor({ registry, limits: { decompressionsMax: 1, decompressionsWaitingMax: 1 } });
  const senders: Sender[] = [];
  const take = async (sender = new Sender()): Promise<number> => {
    senders.push(sender);
    const reservation = budget.reserve();
    try {
      const sent = new BodyParts(reservation);
      sent.add(BODY);
      const options = { compression: 'gzip', bytesMax: 8 * MIB, reservation, sender } as const;
      return (await decompressor.decompress(sent, options)).length;
    } finally {
      reservation.release();
    }
  };
  const running = take();
  const sender = new Sender();
  const waiting = take(sender);
  const full = { status: 503, message: expect.stringContaining('receivers.decompressionsWaitingMax') };
  const [tooMany] = await Promise.allSettled([take()]);
  expect(tooMany).toMatchObject({ status: 'rejected', reason: expect.any(BodyError) });
  expect(tooMany).toMatchObject({ reason: full });
  expect(await registry.metrics()).toContain('throughline_receiver_decompressions_waiting 1');

  sender.leave();
  const next = take();
  await expect(waiting).rejects.toBeInstanceOf(SenderGoneError);
  await expect(take(sender)).rejects.toBeInstanceOf(SenderGoneError);
  expect(await Promise.all([running, next])).toEqual([4 * MIB, 4 * MIB]);
  const metrics = await registry.metrics();
  expect(metrics).toContain('throughline_receiver_decompressions_waiting 0');
  expect(metrics).toContain('throughline_limit_reached_total{limit="receivers.decompressionsWaitingMax"} 1');
  expect(senders.map((each) => each.listenerCount('close'))).toEqual(senders.map(() => 0));
  expect(budget.taken).toBe(0);
});
