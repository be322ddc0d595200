import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { sampleTraceCommand } from './sample-trace-command.ts';

/** The body that the shell would hand to curl. */
function sentBody(command: string): unknown {
  const script = `curl() { for last; do :; done; printf %s "$last"; }\n${command}`;
  return JSON.parse(execFileSync('sh', ['-c', script], { encoding: 'utf8' }));
}

describe('the sample trace', () => {
  const command = sampleTraceCommand('http://127.0.0.1:4318');

  it('is valid OTLP JSON once a shell has read the command', () => {
    const hexId = expect.stringMatching(/^[0-9a-f]{32}$/);
    const moment = expect.stringMatching(/^\d{19}$/);
    expect(sentBody(command)).toMatchObject({
      resourceSpans: [
        { scopeSpans: [{ spans: [{ traceId: hexId, startTimeUnixNano: moment, endTimeUnixNano: moment }] }] },
        { scopeSpans: [{ spans: [{ parentSpanId: 'a000000000000001', startTimeUnixNano: moment }] }] },
      ],
    });
  });

  it('is another trace each time', () => {
    expect(sentBody(command)).not.toEqual(sentBody(command));
  });
});
