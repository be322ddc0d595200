import type { AttributesResponse, AttributeValuesResponse } from '@throughline/trace/client';
import { findAttributeKeys, findAttributeValues } from '../query/attributes.ts';
import type { ReportForm } from '../http/accept.ts';
import type { JsonResponse, MarkdownResponse } from '../http/response.ts';
import { anyText, integer, requiredName, time, type ParameterValues } from '../http/parameters.ts';
import type { Route } from '../http/route.ts';
import { route } from '../http/route.ts';
import { attributesMarkdown, attributeValuesMarkdown } from '../terminal/write-attributes.ts';
import { attributesSchema, attributeValuesSchema } from './attribute-schemas.ts';
import { PARTIAL_HEADERS, type StoreAnswers } from './store-answers.ts';

const COMPLETIONS_DEFAULT = 100;
const COMPLETIONS_MAX = 10_000;

const parameters = {
  prefix: anyText('Prefix of the keys or values'),
  from: time('From this UTC day on'),
  to: time('Up to this UTC day'),
  limit: integer(
    { least: 1, most: COMPLETIONS_MAX, defaultValue: COMPLETIONS_DEFAULT },
    'Maximum number in the response',
  ),
};

const valuesResponse = {
  description: 'The values, the most frequent first; none for a key that is not known',
  schema: attributeValuesSchema,
  headers: PARTIAL_HEADERS,
};

/** What completes a search while it is typed. */
export function attributeRoutes(answers: StoreAnswers): Route[] {
  const valuesOf = (
    key: string,
    { prefix, from, to, limit }: ParameterValues<typeof parameters>,
    form: ReportForm,
    signal: AbortSignal,
  ): Promise<JsonResponse<AttributeValuesResponse> | MarkdownResponse> => {
    const query = { prefix: prefix ?? '', range: { fromUnixNano: from, toUnixNano: to }, limit };
    return answers.report(
      form,
      signal,
      async (context): Promise<AttributeValuesResponse> => ({
        values: await findAttributeValues(context, key, query),
      }),
      ({ values }, warnings) => attributeValuesMarkdown(key, values, warnings),
    );
  };
  return [
    route({
      path: '/api/v1/attributes',
      operationId: 'listAttributes',
      summary:
        'Keys of the attributes of spans and resources, the most frequent first; counts are sums of sampling weights, estimated from ' +
        'some of the spans, whatever the values are; keys of more than 256 bytes, and the empty one, are omitted',
      parameters,
      answers: { description: 'The keys, the most frequent first', schema: attributesSchema, headers: PARTIAL_HEADERS },
      report: 'The same as a list',
      usesStore: true,
      answer: ({ query: { prefix, from, to, limit }, form, signal }) => {
        const query = { prefix: prefix ?? '', range: { fromUnixNano: from, toUnixNano: to }, limit };
        return answers.report(
          form,
          signal,
          async (context): Promise<AttributesResponse> => ({ attributes: await findAttributeKeys(context, query) }),
          ({ attributes }, warnings) => attributesMarkdown(attributes, warnings),
        );
      },
    }),
    route({
      path: '/api/v1/attributes/{key}/values',
      operationId: 'listValuesOfAttribute',
      summary:
        'Values of one attribute, the most frequent first, for completion: of many spans at once only some are looked at, counts ' +
        'are sums of their sampling weights, and values of more than 256 bytes, arrays, maps and bytes are omitted',
      parameters,
      pathParameters: { key: 'The key, percent-encoded' },
      problems: { 404: 'not_found: the path names no attribute' },
      answers: valuesResponse,
      report: 'The same as a list',
      usesStore: true,
      answer: ({ path: { key = '' }, query, form, signal }) => valuesOf(key, query, form, signal),
    }),
    route({
      path: '/api/v1/attribute-values',
      operationId: 'listAttributeValues',
      summary: 'The same, for keys that cannot be a path segment, such as `..`',
      parameters: { key: requiredName('The key'), ...parameters },
      answers: valuesResponse,
      report: 'The same as a list',
      usesStore: true,
      answer: ({ query: { key, ...query }, form, signal }) => valuesOf(key, query, form, signal),
    }),
  ];
}
