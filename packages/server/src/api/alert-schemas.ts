import { Type } from '@sinclair/typebox';
import { closed, count, described, members, nullable, oneOf } from '../schema/json-schema.ts';
import { named } from '../schema/named-schema.ts';

const at = (description: string) =>
  Type.String({ description: `${description}, such as \`2026-11-30T16:04:00.000Z\`.` });

const alertRule = named(
  'AlertRuleStatus',
  closed(
    {
      name: Type.String(),
      watch: oneOf(['rate', 'errors', 'latency', 'unusual']),
      severity: oneOf(['info', 'warning', 'critical']),
      service: nullable(Type.String(), 'Null for every service.'),
      operation: nullable(Type.String()),
      kind: nullable(Type.String(), 'A kind of spans; null for requests.'),
      attributes: members(Type.String()),
      limit: nullable(
        closed({ direction: oneOf(['above', 'below']), value: Type.Number() }),
        'In `unit`; null where the rule watches for what is unusual.',
      ),
      unit: described(
        oneOf(['requestsPerSecond', 'share', 'ns', 'score']),
        'Of the limit, the value and the interval; a share is from 0 to 1.',
      ),
      quantile: nullable(Type.Number(), 'Of a latency, such as 0.95; null for others.'),
      windowSeconds: count(),
      forSeconds: Type.Number({ description: 'How long the limit has to be passed before the rule fires.' }),
      confidence: Type.Number({ description: 'Of the interval.' }),
      notify: Type.Array(Type.String(), { description: 'Names of channels.' }),
      silencedUntil: nullable(Type.String(), 'Until then nobody is notified; null where the rule is not silenced.'),
      state: described(
        oneOf(['ok', 'pending', 'firing']),
        '`pending`: the limit is passed, and not for long enough yet.',
      ),
      since: nullable(Type.String(), 'The end of the window with which the state began; null before the first.'),
      evaluatedAt: nullable(at('The end of the last window that was looked at')),
      verdict: nullable(
        oneOf(['beyond', 'within', 'undecided', 'few', 'none']),
        'Of the last window: the interval lies beyond the limit or within it, or the limit is in the interval ' +
          '(`undecided`), or there are too few requests (`few`) or none. Null before the first, and where a window ' +
          'could not be looked at.',
      ),
      problem: nullable(Type.String(), 'Why the last window could not be looked at; null where it could.'),
      value: nullable(Type.Number(), 'What was measured last; null where there was nothing.'),
      lower: nullable(Type.Number(), 'The interval of the value.'),
      upper: nullable(Type.Number(), 'Null where nothing bounds it as well.'),
      requests: Type.Number({ description: 'In the last window, as an estimate of all that there were.' }),
      dedupKey: nullable(Type.String(), 'Of the incident; null unless the rule fires.'),
      notifiedAt: nullable(Type.String(), 'When people were notified of it last; null where they were not.'),
    },
    'A rule of the file of alerts, and how it is.',
  ),
);

export const alertsSchema = named(
  'AlertsResponse',
  closed({
    file: nullable(Type.String(), 'The path of the file of alerts; null where there is none.'),
    problem: nullable(
      Type.String(),
      'Why the file as it is now is not used; the rules are those from before then. Null where it is used.',
    ),
    rules: Type.Array(alertRule, { description: 'In the order of the file.' }),
    channels: Type.Array(closed({ name: Type.String(), type: oneOf(['webhook', 'slack', 'email']) }), {
      description: 'Without their addresses.',
    }),
  }),
);
