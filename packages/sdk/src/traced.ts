import type { SpanOptions, Tracer } from './tracer.ts';
import type { Span } from './span.ts';

// oxlint-disable-next-line typescript/no-explicit-any -- TypeScript's own type of a decorated method asks for it.
type Method<This> = (this: This, ...args: any) => any;

export interface TracedOptions extends Omit<SpanOptions, 'parent' | 'root' | 'startTime'> {
  readonly tracer: Tracer;
  /** The span's name; by default the class' and the method's. */
  readonly name?: string | undefined;
}

/**
 * A standard decorator for methods: each call runs in a span of its own, named `Class.method`. `@traced(tracer)` or
 * `@traced({ tracer, name, kind, attributes })`.
 */
export function traced(
  given: Tracer | TracedOptions,
): <This, Target extends Method<This>>(method: Target, context: ClassMethodDecoratorContext<This, Target>) => Target {
  const isTracer = 'startSpan' in given;
  const { tracer, name, ...options }: TracedOptions = isTracer ? { tracer: given } : given;
  return <This, Target extends Method<This>>(
    method: Target,
    context: ClassMethodDecoratorContext<This, Target>,
  ): Target => {
    const methodName = String(context.name);
    const wrapper = function (this: unknown, ...args: unknown[]): unknown {
      const spanName = name ?? `${classNameOf(this, context.static)}.${methodName}`;
      return tracer.span(spanName, options, (_span: Span) => Reflect.apply(method, this, args));
    };
    return wrapper as unknown as Target;
  };
}

/** The class on which a method was called: a subclass' own name tells more than that of the class that wrote the method. */
function classNameOf(receiver: unknown, isStatic: boolean): string {
  if (isStatic) return (receiver as { name?: string } | undefined)?.name ?? '';
  return (receiver as { constructor?: { name?: string } } | null | undefined)?.constructor?.name ?? '';
}
