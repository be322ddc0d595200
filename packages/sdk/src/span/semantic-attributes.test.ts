import { expectTypeOf, it } from 'vitest';
import type { Attributes, Span, Tracer } from '../index.ts';

const typed = (span: Span, tracer: Tracer): void => {
  span.setAttribute('http.response.status_code', 200).setAttribute('app.anything', new Date());
  // @ts-expect-error The conventions say that it is a number.
  span.setAttribute('http.response.status_code', '200');
  // @ts-expect-error The conventions say that it is text.
  tracer.startSpan('x', { attributes: { 'http.route': 5, 'app.mine': 5 } });
  // @ts-expect-error Nothing that OTLP carries.
  span.setAttribute('app.mine', () => 1);
};

it('knows the types of the conventional attribute keys, and takes any other key', () => {
  expectTypeOf<Attributes['http.response.status_code']>().toEqualTypeOf<number | undefined>();
  expectTypeOf(typed).toBeFunction();
});
