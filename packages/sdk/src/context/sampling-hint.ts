import { createContextKey, ROOT_CONTEXT, type Context } from '@opentelemetry/api';
import { valueIn, type ActiveContext } from './active-context.ts';
import { SAMPLED_FLAG, type LocalTrace } from '../span/local-trace.ts';
import { SpanIdentity } from '../span/span-identity.ts';

/** What a caller that names no span of its own wants for the trace that begins here. */
export type SamplingHint = 'sample' | 'drop' | 'debug';

const HINT_KEY = createContextKey('Throughline sampling hint');

export function contextWithHint(context: Context, hint: SamplingHint): Context {
  return context.setValue(HINT_KEY, hint);
}

/** Decides a new trace as the caller wished, if the context that it starts in holds a hint; returns whether it does. */
export function followHint(trace: LocalTrace, active: ActiveContext | undefined): boolean {
  if (active === undefined || active === ROOT_CONTEXT || active instanceof SpanIdentity) return false;
  const hint = valueIn(active, HINT_KEY) as SamplingHint | undefined;
  if (hint === undefined) return false;
  if (hint !== 'drop') trace.flags |= SAMPLED_FLAG;
  if (hint === 'debug') trace.samplingHint = 'debug';
  return true;
}
