import { createContextKey, ROOT_CONTEXT, type Context } from '@opentelemetry/api';
import { valueIn, type Stored } from './context.ts';
import { SAMPLED_FLAG, type LocalTrace } from '../span/local-trace.ts';
import { SpanIdentity } from '../span/span-identity.ts';

/** What a caller that names no span of its own asks for the trace that begins here. */
export type CallerWish = 'keep' | 'drop' | 'debug';

const WISH_KEY = createContextKey('Throughline sampling wish');

export function contextWithWish(context: Context, wish: CallerWish): Context {
  return context.setValue(WISH_KEY, wish);
}

/** Decides a new trace as the caller wished, if the context that it starts in holds a wish; answers whether it does. */
export function followWish(trace: LocalTrace, stored: Stored | undefined): boolean {
  if (stored === undefined || stored === ROOT_CONTEXT || stored instanceof SpanIdentity) return false;
  const wish = valueIn(stored, WISH_KEY) as CallerWish | undefined;
  if (wish === undefined) return false;
  if (wish !== 'drop') trace.flags |= SAMPLED_FLAG;
  if (wish === 'debug') trace.callerWish = 'debug';
  return true;
}
