import { describe, expect, it } from 'vitest';
import { AlertRulesError, parseAlertRules } from './read-rules.ts';
import type { AlertRules } from './rule.ts';

const read = (text: string, rulesMax = 200): AlertRules => parseAlertRules(text, 'alerts.yaml', rulesMax);

function problemsOf(text: string, rulesMax?: number): readonly string[] {
  try {
    read(text, rulesMax);
  } catch (error) {
    if (error instanceof AlertRulesError) return error.problems;
    throw error;
  }
  return ['accepted'];
}

const RULE = 'rules:\n  - name: a\n    watch: errors\n    of: {service: shop}\n    above: 2%\n';
const withRule = (more: string): string => `${RULE}${more.replaceAll(/^/gm, '    ')}\n`;
const withChannel = (more: string): string => `channels:\n  a:\n${more.replaceAll(/^/gm, '    ')}\n`;

/** Files that are wrong, each in its own way. */
const WRONG: readonly string[] = [
  'rules: [\n',
  '- a\n',
  'rulez: []\n',
  'rules: a\n',
  'rules:\n  - a\n',
  'rules:\n  - watch: errors\n    of: {service: shop}\n    above: 2%\n',
  RULE.replace('name: a', 'name: "a\\nb"'),
  RULE.replace('watch: errors', 'watch: errros'),
  RULE.replace('watch: errors', 'watsh: errors'),
  RULE.replace('of: {service: shop}', 'of: {servise: shop}'),
  RULE.replace('of: {service: shop}', 'of: shop'),
  RULE.replace('    of: {service: shop}\n', ''),
  RULE.replace('of: {service: shop}', 'of: {service: shop, kind: servr}'),
  RULE.replace('above: 2%', 'above: 200%'),
  RULE.replace('above: 2%', 'above: [2%]'),
  RULE.replace('    above: 2%\n', ''),
  withRule('below: 1%'),
  withRule('window: 90s'),
  withRule('window: 5'),
  withRule('for: soon'),
  withRule('minRequests: 1'),
  withRule('confidence: 99'),
  withRule('severity: high'),
  withRule('notify: [ops]'),
  withRule('silencedUntil: tomorrow'),
  withRule('quantile: p95'),
  withRule('baseline: 1d'),
  withRule('links: {runbook: "javascript:alert(1)"}'),
  withRule('noData: page'),
  withRule('tresholds: 2%'),
  RULE + RULE.slice('rules:\n'.length),
  RULE.replace('watch: errors', 'watch: unusual'),
  RULE.replace('watch: errors', 'watch: latency'),
  RULE.replace('watch: errors', 'watch: rate'),
  'a: &a b\nrules: *a\n',
  'channels:\n  "a b":\n    type: slack\n',
  'channels: {a: slack}\n',
  withChannel('type: pager'),
  withChannel('type: slack\nurl: https://hooks.slack.com/services/T0/B0/s3cret'),
  withChannel('type: slack\nurl: {env: A, file: b}'),
  withChannel('type: webhook\nurl: ftp://a'),
  withChannel('type: webhook\nurl: https://user:s3cret@host/'),
  withChannel('type: webhook\nurl: https://a\nsecret: s3cret'),
  withChannel('type: webhook\nurl: https://a\nheaders: {host: a}'),
  withChannel('type: webhook\nurl: https://a\nheaders: {"x y": "a"}'),
  withChannel('type: email\nhost: a\nfrom: a@b\nto: c@d\npassword: s3cret'),
  withChannel('type: email\nhost: a\nfrom: a@b\nto: c@d\ntls: none\nuser: a\npassword: {env: A}'),
  withChannel('type: email\nhost: a\nfrom: a@b\nto: c@d\nuser: a'),
  withChannel('type: email\nhost: a\nfrom: "a@b\\r\\nBcc: x@y"\nto: [c@d, "e@f, g@h"]'),
  withChannel('type: email\nport: 0\nfrom: a@b'),
];

/** A secret where the name of its variable or its file should be, and in each other way that is wrong. */
const MISPLACED: readonly string[] = [
  withChannel('type: webhook\nurl: https://a\nsecret: {env: sk-s3cret}'),
  withChannel('type: webhook\nurl: https://a\nsecret: {file: "s3cret\\0"}'),
  withChannel('type: webhook\nurl: https://a\nsecret: {s3cret}'),
  withChannel('type: webhook\nurl: https://a\nsecret: {env: [s3cret]}'),
  withChannel('type: webhook\nurl: https://a\nsecret: *s3cret'),
  withChannel('type: webhook\nurl: https://a\nsecret: !s3cret'),
  withChannel('type: webhook\nurl: https://a\nsecret: !<s3cret> a'),
  withChannel('type: webhook\nurl: https://a\nsecret: |s3cret'),
  withChannel('type: webhook\nurl: {env: "https://hooks.example/s3cret"}'),
  withChannel('type: webhook\nurl: hooks.example/services/s3cret'),
  withChannel('type: webhook\nurl: ftp://hooks.example/services/s3cret'),
  withChannel('type: webhook\nurl: https://a\nheaders: {authorization: “Bearer s3cret”}'),
  withChannel('type: webhook\nurl: https://a\nheaders: {"authorization: Bearer s3cret"}'),
  withChannel('type: webhook\nurl: https://a\nheaders: {"authorization: Bearer s3cret": }'),
  withChannel('type: slack\nurl: {env: "https://hooks.slack.com/services/T0/B0/s3cret"}'),
  withChannel('type: email\nhost: a\nfrom: a@b\nto: c@d\nuser: a\npassword: {env: s3cret-2!}'),
];

describe('a file of alerts', () => {
  it('is read with its defaults', () => {
    const { rules, channels } = read(`
channels:
  hook: {type: webhook, url: "https://hooks.example/a"}
  team: {type: slack, url: {env: SLACK_URL}}
  mail: {type: email, host: smtp.example, from: "Ops <a@b.example>", to: c@d.example}
defaults: {notify: hook, for: 10m, severity: critical}
rules:
  - {name: fails, watch: errors, of: {service: shop, operation: POST /buy, attributes: {tenant: acme}}, above: 0.5%}
  - {name: slow, watch: latency, quantile: p99.9, of: {service: shop, kind: server}, above: 250ms, notify: [team, mail]}
  - {name: quiet, watch: rate, of: {service: shop}, below: 30/m, for: 0s, window: 10m}
  - {name: odd, watch: unusual, of: {service: shop}}
  - {name: anything, watch: unusual, noData: fire}
`);
    expect(rules.map(({ watch, limit }) => [watch, limit])).toEqual([
      ['errors', { direction: 'above', value: 0.005 }],
      ['latency', { direction: 'above', value: 250_000_000 }],
      ['rate', { direction: 'below', value: 0.5 }],
      ['unusual', null],
      ['unusual', null],
    ]);
    expect(rules.map(({ noData }) => noData)).toEqual([null, null, null, null, 'fire']);
    expect(rules.at(0)).toMatchObject({
      of: { service: 'shop', operation: 'POST /buy', kind: null, attributes: [{ key: 'tenant', value: 'acme' }] },
      windowMs: 300_000,
      forMs: 600_000,
      resolveForMs: 600_000,
      confidence: 0.99,
      minRequests: 20,
      severity: 'critical',
      notify: ['hook'],
      repeatEveryMs: 0,
      silencedUntilMs: null,
    });
    expect(rules.at(1)).toMatchObject({ quantile: 0.999, notify: ['team', 'mail'] });
    expect(rules.at(4)?.of.service).toBeNull();
    expect(channels).toMatchObject([
      { url: 'https://hooks.example/a', secret: null },
      { url: { env: 'SLACK_URL' } },
      { port: 587, tls: 'starttls', login: null, to: ['c@d.example'] },
    ]);
  });

  it('may be empty', () => {
    for (const text of ['', '# nothing\n', 'rules: []\n', 'rules:\n']) expect(read(text).rules).toEqual([]);
  });

  it('has its messages in rules-messages.golden.txt', async () => {
    const blocks = [...WRONG, ...MISPLACED].map((text) => `${text}\n${problemsOf(text).join('\n')}\n`);
    await expect(blocks.join('\n---\n\n')).toMatchFileSnapshot('rules-messages.golden.txt');
  });

  it.each([...WRONG, ...MISPLACED])('names the place of what is wrong, and repeats no secret: %j', (text) => {
    const problems = problemsOf(text);
    expect(problems.length).toBeGreaterThan(0);
    for (const problem of problems) {
      expect(problem).toMatch(/^alerts\.yaml:\d+:\d+: /);
      expect(problem).not.toMatch(/s3cret|\n/);
    }
  });

  it('is rejected with more rules than are allowed, and names the rule that is wrong', () => {
    expect(problemsOf(RULE, 0)).toEqual([expect.stringContaining('alerts.rulesMax')]);
    expect(problemsOf(withRule('window: 90s')).at(0)).toContain('rule "a": window: ');
    expect(problemsOf(RULE.replace('name: a', 'nam: a')).at(0)).toContain('rules[0]: ');
  });

  it('keeps whatever a name is called', () => {
    const { rules } = read(
      RULE.replace('name: a', 'name: __proto__').replace(
        '{service: shop}',
        '{service: shop, attributes: {__proto__: a, constructor: b}}',
      ),
    );
    expect(rules.at(0)).toMatchObject({
      name: '__proto__',
      of: {
        service: 'shop',
        attributes: [
          { key: '__proto__', value: 'a' },
          { key: 'constructor', value: 'b' },
        ],
      },
    });
  });
});
