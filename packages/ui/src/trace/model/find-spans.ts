import { attributeText, type KeyValue, type Trace } from '@throughline/trace';

/**
 * Spans whose service, name, id, status message, attributes or event names hold `text`, upper and lower case alike;
 * ascending. An attribute is also found as `key=value`.
 */
export function findSpans(trace: Trace, text: string): Int32Array {
  const wanted = text.trim().toLowerCase();
  if (wanted === '') return new Int32Array(0);
  const found: number[] = [];
  for (let i = 0; i < trace.spanCount; i++) {
    if (holds(trace, i, wanted)) found.push(i);
  }
  return Int32Array.from(found);
}

function holds(trace: Trace, index: number, wanted: string): boolean {
  const has = (text: string | undefined): boolean => text !== undefined && text.toLowerCase().includes(wanted);
  if (has(trace.names[index]) || has(trace.spanIds[index])) return true;
  if (has(trace.services[trace.serviceIndex[index] ?? -1])) return true;
  const { span } = trace.source(index);
  if (has(span.status?.message)) return true;
  const attributeHas = ({ key, value }: KeyValue): boolean => has(`${key}=${attributeText(value)}`);
  if (span.attributes?.some(attributeHas)) return true;
  return span.events?.some((event) => has(event.name) || event.attributes?.some(attributeHas)) ?? false;
}
