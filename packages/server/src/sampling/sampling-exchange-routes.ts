import { Type } from '@sinclair/typebox';
import type { WireMessage, WireMessageSchema } from '../exchange/wire-message.ts';
import { jsonBody } from '../http/json-body.ts';
import { anyText, requiredText } from '../http/parameters.ts';
import { Problem } from '../http/problem.ts';
import { json } from '../http/response.ts';
import { route, type Route } from '../http/route.ts';
import { closed, count, nullable, oneOf } from '../schema/json-schema.ts';
import { named } from '../schema/named-schema.ts';
import { responseSchema } from '../schema/response-schema.ts';
import { samplingReason } from '../schema/sampling-reason.ts';
import { samplingRule } from '../schema/sampling-settings-schema.ts';
import type { ExchangeResponse, SamplingController } from './sampling-controller.ts';
import { FORWARDED_HEADER } from './forwarder.ts';
import { jaegerStrategy, type JaegerStrategy } from './jaeger-strategy.ts';
import type { SamplingLimits } from './limits.ts';
import type { OperationSampling } from './operation-state.ts';

/** The response to a process, or to another collector, which needs no probabilities. */
export type ExchangeResult =
  | { readonly kind: 'exchanged'; readonly response: ExchangeResponse }
  | { readonly kind: 'forwarded' }
  /** The message is for people. */
  | { readonly kind: 'rejected'; readonly message: string };

export interface SamplingRoutesOptions {
  readonly controller: SamplingController;
  readonly limits: SamplingLimits;
  /** Of what `exchange` takes. */
  readonly messageSchema: WireMessageSchema;
  /** `bytes` is the message as it came. */
  readonly exchange: (message: WireMessage, bytes: Uint8Array, isForwarded: boolean) => Promise<ExchangeResult>;
  /** Called for each message that does not fit the schema. */
  readonly onMalformed: () => void;
}

const PATH = '/v1/sampling';

/** The paths of sampling on the port for OTLP/HTTP, where applications find the collector. */
export function samplingExchangeRoutes({
  controller,
  limits,
  messageSchema,
  exchange,
  onMalformed,
}: SamplingRoutesOptions): Route[] {
  return [
    route({
      method: 'POST',
      path: PATH,
      operationId: 'exchangeSampling',
      summary: 'Accepts the request metrics of a process, and returns the sampling probabilities of its operations',
      ignoresUnknown: true,
      body: jsonBody(messageSchema, {
        bytesMax: limits.messageBytesMax,
        limit: 'sampling.messageBytesMax',
        code: 'invalid_message',
        onRejected: onMalformed,
      }),
      answers: {
        description: 'The probabilities; an empty object for what another collector has forwarded',
        schema: Type.Union([exchangeSchema, closed({})]),
      },
      problems: {
        400: 'invalid_message: malformed, or totals less than they were; nothing of it counts',
        413: `body_too_large: more than ${limits.messageBytesMax} bytes`,
        415: 'unsupported_body: compressed in an unknown way',
        503: { description: 'overloaded: retry after Retry-After seconds', hasRetryAfter: true },
      },
      usesStore: false,
      answer: async ({ headers, body, bodyBytes }) => {
        const result = await exchange(body, bodyBytes, headers[FORWARDED_HEADER] !== undefined);
        if (result.kind === 'rejected') throw new Problem(400, 'invalid_message', result.message);
        return json(result.kind === 'forwarded' ? {} : result.response);
      },
    }),
    route({
      path: PATH,
      operationId: 'listOperationSampling',
      summary: 'Current sampling probability of each operation, and the reason',
      parameters: { service: anyText('Only this service') },
      ignoresUnknown: true,
      answers: { description: 'The operations, each with its probability and the reason', schema: operationsSchema },
      usesStore: false,
      answer: ({ query: { service } }) => json({ operations: controller.sampling(service ?? undefined) }),
    }),
    // Whoever may send spans may not decide what is sampled of everybody's.
    ...(['GET', 'PUT'] as const).map((method) =>
      route({
        method,
        path: `${PATH}/settings`,
        operationId: method === 'GET' ? 'getMovedSamplingSettings' : 'replaceMovedSamplingSettings',
        summary: 'Has moved to the port of the UI and the API',
        ignoresUnknown: true,
        // Read, so that it is answered at all; nothing in it counts.
        ...(method === 'PUT' && {
          body: {
            schema: Type.Unknown(),
            bytesMax: limits.settingsBytesMax,
            limit: 'sampling.settingsBytesMax',
            read: () => undefined,
          },
        }),
        answers: null,
        problems: { 410: `moved: ${SETTINGS_HAVE_MOVED}` },
        usesStore: false,
        answer: () => {
          throw new Problem(410, 'moved', SETTINGS_HAVE_MOVED);
        },
      }),
    ),
    route({
      path: '/sampling',
      operationId: 'getJaegerStrategy',
      summary: "Sampling strategy of a service in Jaeger's JSON (api_v2), for its clients and jaeger_remote samplers",
      parameters: { service: requiredText('the name of a service', 'The service') },
      ignoresUnknown: true,
      answers: { description: 'The strategy', schema: jaegerSchema },
      usesStore: false,
      answer: ({ query: { service } }) => json(jaegerStrategy(controller, service)),
    }),
  ];
}

const SETTINGS_HAVE_MOVED =
  'the sampling settings are at /api/v1/sampling/settings on the port of the UI and the API (4319 by default), not on the port that accepts spans';

const probability = Type.Number({ minimum: 0, maximum: 1 });
const kind = count({ maximum: 4, description: '0 internal, 1 server, 2 client, 3 producer, 4 consumer.' });

const operationProbability = named(
  'OperationProbability',
  closed({
    name: Type.String(),
    kind,
    probability,
    tracesPerSecond: Type.Optional(
      Type.Number({ description: 'Part of this process in the traces wanted per second.' }),
    ),
  }),
);

const exchangeSchema = named(
  'SamplingProbabilities',
  responseSchema<ExchangeResponse>()(
    closed(
      {
        version: Type.Number(),
        probability: Type.Number({ minimum: 0, maximum: 1, description: 'Of operations that are not named.' }),
        errorTracesPerSecond: Type.Number({
          description: 'Part of this process in the error traces wanted per second.',
        }),
        operations: Type.Array(operationProbability),
        rules: Type.Array(samplingRule, { description: 'Decide before operations do.' }),
        totalsNoted: Type.Optional(
          Type.Literal(false, {
            description: 'The totals could not be written; the next message reports them again.',
          }),
        ),
      },
      'What a process samples until its next message.',
    ),
  ),
);

const operationSampling = named(
  'OperationSampling',
  responseSchema<OperationSampling>()(
    closed({
      service: Type.String(),
      name: Type.String(),
      kind,
      probability,
      reason: samplingReason,
      decidedPerSecond: nullable(Type.Number()),
      errorsPerSecond: Type.Number(),
      tracesPerSecond: nullable(Type.Number()),
      boostedForMs: nullable(Type.Number()),
    }),
  ),
);

const operationsSchema = closed({ operations: Type.Array(operationSampling) });

const jaegerProbability = closed({ samplingRate: probability });
const jaegerSchema = named(
  'SamplingStrategyResponse',
  responseSchema<JaegerStrategy>()(
    closed(
      {
        strategyType: oneOf(['PROBABILISTIC']),
        probabilisticSampling: jaegerProbability,
        operationSampling: Type.Optional(
          closed({
            defaultSamplingProbability: probability,
            defaultLowerBoundTracesPerSecond: Type.Number(),
            perOperationStrategies: Type.Array(
              closed({ operation: Type.String(), probabilisticSampling: jaegerProbability }),
            ),
          }),
        ),
      },
      'As in Jaeger.',
    ),
  ),
);
