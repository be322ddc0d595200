import type { AttributeKeySummary, AttributeValueSummary } from '@throughline/trace/client';
import { countOf } from './count-text.ts';
import { markdownCode, markdownText, warningsMarkdown } from './markdown-text.ts';

/** Keys of attributes, the most frequent first, as Markdown. */
export function attributesMarkdown(attributes: readonly AttributeKeySummary[], warnings: readonly string[]): string {
  const items = attributes.map((attribute) => itemOf(attribute.key, attribute));
  return listMarkdown(`${countOf(items.length, 'attribute')}, the most frequent first`, items, warnings);
}

/** Values of one attribute, the most frequent first, as Markdown. */
export function attributeValuesMarkdown(
  key: string,
  values: readonly AttributeValueSummary[],
  warnings: readonly string[],
): string {
  const items = values.map((value) => itemOf(value.value, value));
  const heading = `${countOf(items.length, 'value')} of ${markdownText(key)}, the most frequent first`;
  return listMarkdown(heading, items, warnings);
}

function listMarkdown(heading: string, items: readonly string[], warnings: readonly string[]): string {
  return [`### ${heading}`, '', ...(items.length === 0 ? [] : [...items, '']), ...warningsMarkdown(warnings)].join(
    '\n',
  );
}

function itemOf(text: string, { estimatedSpanCount }: { readonly estimatedSpanCount: number }): string {
  return `- ${markdownCode(text)} in about ${countOf(Math.round(estimatedSpanCount), 'span')}`;
}
