import type { SamplingController } from './sampling-controller.ts';
import type { ProbabilityReason } from './operation-state.ts';
import type { RuleSettings } from './sampling-settings.ts';

/** A stored span, whose operation's sampling is looked up. */
export interface SampledSpan {
  readonly service: string;
  /** What it ended with. */
  readonly name: string;
  /** 0 internal, 1 server, 2 client, 3 producer, 4 consumer. */
  readonly kind: number;
  attribute(key: string): string | undefined;
}

/**
 * What applies to a span now: a rule, which decides before operations do, or its operation; null where nothing is
 * known.
 */
export function reasonFor(controller: SamplingController, span: SampledSpan): ProbabilityReason | 'rule' | null {
  if (controller.settings.rules.some((rule) => isMeant(rule, span))) return 'rule';
  return controller.reasonOf(span.service, span.name, span.kind);
}

const KINDS = ['internal', 'server', 'client', 'producer', 'consumer'];

function isMeant(rule: RuleSettings, span: SampledSpan): boolean {
  return (
    met(rule.service, span.service) &&
    met(rule.name, span.name) &&
    met(rule.kind, KINDS[span.kind]) &&
    met(rule.method, span.attribute('http.request.method')) &&
    met(rule.route, span.attribute('http.route')) &&
    met(rule.path, span.attribute('url.path'))
  );
}

function met(wanted: string | undefined, actual: string | undefined): boolean {
  return wanted === undefined || wanted === actual;
}
