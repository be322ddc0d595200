import type { Registry } from 'prom-client';
import { silentLog as log } from '../../storage/testing/start-engine.ts';
import { ByteBudget } from '../byte-budget.ts';
import { Decompressor } from '../decompressor.ts';
import type { ReceiverLimits } from '../limits.ts';
import { OtherSignals } from '../other-signals.ts';

/** What `server.ts` makes for all receivers; the thread is the built one. */
export function sharedByReceivers(registry: Registry, limits: Partial<ReceiverLimits> = {}) {
  return {
    budget: new ByteBudget({
      registry,
      ...(limits.bytesInFlightMax !== undefined && { bytesMax: limits.bytesInFlightMax }),
    }),
    decompressor: new Decompressor({
      registry,
      limits,
      zstdWorkerPath: new URL('../../../dist/receivers/zstd-worker.js', import.meta.url),
    }),
    otherSignals: new OtherSignals({ log, registry }),
    log,
    registry,
  };
}
