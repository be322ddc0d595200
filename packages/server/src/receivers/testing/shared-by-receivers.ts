import type { Registry } from 'prom-client';
import { silentLog as log } from '../../storage/testing/start-engine.ts';
import { allowAll } from '../../http/access.ts';
import type { Ingest } from '../../ingest/ingest.ts';
import { BodyDecoder, type BodyDecoderOptions } from '../decode/body-decoder.ts';
import { ByteBudget } from '../body/byte-budget.ts';
import { Decompressor } from '../body/decompressor.ts';
import type { OtlpHttpLimits, ReceiverLimits } from '../limits.ts';
import { otlpFormats } from '../otlp-http/otlp-formats.ts';
import { OTLP_HTTP_PORT } from '../otlp-http/otlp-http-port.ts';
import { OtherSignals } from '../otlp/other-signals.ts';

/** What `server.ts` makes for all receivers; the threads are the built ones. */
export function sharedByReceivers(
  ingest: Ingest,
  registry: Registry,
  limits: Partial<ReceiverLimits & OtlpHttpLimits> = {},
) {
  const otherSignals = new OtherSignals({ log, registry });
  const decoder = decoderFor(ingest, { otherSignals, registry, limits });
  return {
    access: allowAll,
    port: OTLP_HTTP_PORT,
    ingest,
    budget: new ByteBudget({
      registry,
      ...(limits.bytesInFlightMax !== undefined && { bytesMax: limits.bytesInFlightMax }),
    }),
    decompressor: new Decompressor({
      registry,
      limits,
      zstdWorkerPath: new URL('../../../dist/receivers/body/zstd-worker.js', import.meta.url),
    }),
    decoder,
    otherSignals,
    formats: otlpFormats({ ingest, decoder, otherSignals, limits }),
    log,
    registry,
  };
}

/** With the thread that is built. */
export function decoderFor(ingest: Ingest, options: Omit<BodyDecoderOptions, 'ingest'>): BodyDecoder {
  return new BodyDecoder({
    ingest,
    ...options,
    workerPath: new URL('../../../dist/receivers/decode/body-worker.js', import.meta.url),
  });
}
