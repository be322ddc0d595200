import type { ExchangeReport, ReportedTotal } from './exchange.ts';

/** The totals of a message with the operations that they are of, in one list. */
export interface TotalsMessage {
  readonly service: string;
  readonly instance: string;
  readonly windowMs: number;
  readonly uptimeMs: number | undefined;
  readonly totals: readonly (ReportedTotal & { readonly startName: string; readonly kind: number })[];
}

export function countsMessage({ service, instance, windowMs, uptimeMs, operations }: ExchangeReport): TotalsMessage {
  const totals = operations.flatMap(({ name: startName, kind, totals: ofOperation }) =>
    ofOperation.map((total) => ({ ...total, startName, kind })),
  );
  return { service, instance, windowMs, uptimeMs, totals };
}
