/** Why the demo cannot go on: one line for the person who started it. */
export class DemoError extends Error {
  override readonly name = 'DemoError';
  readonly code: 'missing_package' | 'collector_unusable' | 'process_ended' | 'no_slow_trace';

  constructor(code: DemoError['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
