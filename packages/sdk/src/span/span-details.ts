import type { AttributeSet } from './attributes.ts';
import { STATUS_UNSET } from './span-status.ts';
import type { SpanIdentity } from './span-identity.ts';

/** An event as it waits for its span's end; its moment is in two halves, as the span's own. */
export interface RecordedEvent {
  readonly timeHigh: number;
  readonly timeLow: number;
  readonly name: string;
  readonly attributes: AttributeSet;
}

export interface RecordedLink {
  readonly identity: SpanIdentity;
  readonly attributes: AttributeSet;
}

/** What most spans do not have: they pay one field for it. */
export class SpanDetails {
  droppedAttributes = 0;
  events: RecordedEvent[] = [];
  droppedEvents = 0;
  links: RecordedLink[] = [];
  droppedLinks = 0;
  statusCode: number = STATUS_UNSET;
  statusMessage = '';

  /** An ended span may be kept for long; only its status stays with it. */
  forgetContents(): void {
    this.events = [];
    this.links = [];
  }
}
