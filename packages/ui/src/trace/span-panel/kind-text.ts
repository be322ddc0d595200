import { SpanKind } from '@throughline/trace';

/** OpenTelemetry's word for a kind, such as `client`. */
export function kindText(kind: number | undefined): string {
  return Object.entries(SpanKind).find(([, code]) => code === (kind ?? 0))?.[0] ?? `kind ${String(kind)}`;
}
