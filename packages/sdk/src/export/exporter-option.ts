/** By it a tracer makes what delivers its spans. Copies of the package share it. */
export const FOR_TRACER: unique symbol = Symbol.for('throughline.exporter.forTracer');

/** A value of the tracer's option `exporter` that is no name: `zipkin()`, or a `new InMemoryExporter()`. */
export interface Exporter {
  /** For the tracer alone. */
  readonly [FOR_TRACER]: (context: never) => unknown;
}
