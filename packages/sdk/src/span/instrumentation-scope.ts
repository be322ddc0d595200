import type { AttributeSet } from './attributes.ts';

/** The library that a span comes from: OTLP's InstrumentationScope. */
export interface InstrumentationScope {
  readonly name: string;
  readonly version: string;
  readonly schemaUrl: string;
  readonly attributes: AttributeSet;
}
