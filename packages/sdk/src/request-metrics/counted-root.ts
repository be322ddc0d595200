import type { AttributesInput } from '../span/attributes.ts';
import type { AttributeValue } from '../span/attribute-value.ts';
import type { LocalTrace } from '../span/local-trace.ts';
import { property } from '../runtime/property.ts';
import { nameOf } from '../span/span.ts';
import { NonRecordingSpan } from '../span/non-recording-span.ts';
import { HTTP_RESPONSE_STATUS_CODE } from '../span/semantic-attributes.ts';
import { STATUS_ERROR, STATUS_OK, statusCodeOf } from '../span/span-status.ts';
import type { StartedOperation } from './operation-counts.ts';

/** Where the end of such a root is counted. */
interface RootEnds {
  ended(operation: StartedOperation, name: string, status: number, startMs: number): void;
}

/** A local root that is not recorded, but counted: it remembers what the counts need, and nothing else. */
export class CountedRoot extends NonRecordingSpan {
  readonly #counter: RootEnds;
  readonly #operation: StartedOperation;
  readonly #startMs: number;
  #name: string;
  #status = 0;
  #isEnded = false;

  constructor(
    trace: LocalTrace,
    id0: number,
    id1: number,
    counter: RootEnds,
    operation: StartedOperation,
    name: string,
    startMs: number,
  ) {
    super(trace, id0, id1);
    this.#counter = counter;
    this.#operation = operation;
    this.#name = name;
    this.#startMs = startMs;
  }

  /** As it would be recorded. */
  get name(): string {
    return this.#name;
  }

  override setAttribute(key?: string, value?: AttributeValue): this {
    if (key === HTTP_RESPONSE_STATUS_CODE && !this.#isEnded && typeof value === 'number' && value >= 500) this.#fail();
    return this;
  }

  override setAttributes(attributes?: AttributesInput): this {
    return this.setAttribute(
      HTTP_RESPONSE_STATUS_CODE,
      property(attributes, HTTP_RESPONSE_STATUS_CODE) as AttributeValue,
    );
  }

  override setStatus(status?: unknown): this {
    const code = statusCodeOf(property(status, 'code'));
    if (this.#isEnded) return this;
    if (code === STATUS_OK) this.#status = STATUS_OK;
    else if (code === STATUS_ERROR) this.#fail();
    return this;
  }

  override updateName(name?: unknown): this {
    if (!this.#isEnded) this.#name = nameOf(name);
    return this;
  }

  override end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#counter.ended(this.#operation, this.#name, this.#status, this.#startMs);
  }

  override [Symbol.dispose](): void {
    this.end();
  }

  /** OpenTelemetry: a status OK is final. */
  #fail(): void {
    if (this.#status !== STATUS_OK) this.#status = STATUS_ERROR;
  }
}
