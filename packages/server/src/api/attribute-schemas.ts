import { Type } from '@sinclair/typebox';
import { closed } from '../schema/json-schema.ts';
import { named } from '../schema/named-schema.ts';
import { partial } from './partial-schema.ts';

const attributeKey = named(
  'AttributeKeySummary',
  closed(
    {
      key: Type.String(),
      estimatedSpanCount: Type.Number({
        description: 'Σ sampling weight of the spans that have it; an estimate: of many spans only a part is read.',
      }),
    },
    'A key of attributes, for completion.',
  ),
);

export const attributesSchema = named(
  'AttributesResponse',
  closed({
    attributes: Type.Array(attributeKey, { description: 'Keys of spans and resources, the most frequent first.' }),
    partial,
  }),
);

const attributeValue = named(
  'AttributeValueSummary',
  closed(
    {
      value: Type.String({ description: "As text, as in a search's tag." }),
      estimatedSpanCount: Type.Number({ description: 'As of a key.' }),
    },
    'A value of one attribute, for completion.',
  ),
);

export const attributeValuesSchema = named(
  'AttributeValuesResponse',
  closed({ values: Type.Array(attributeValue, { description: 'The most frequent first.' }), partial }),
);
