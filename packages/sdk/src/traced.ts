import { property } from './runtime/property.ts';
import type { SpanOptions, Tracer } from './tracer.ts';
import type { Span } from './span/span.ts';

// oxlint-disable-next-line typescript/no-explicit-any -- TypeScript's own type of a decorated method has it.
type Method<This> = (this: This, ...args: any) => any;

/** Which tracer records the calls, and what their spans start with. */
export interface TracedOptions extends Omit<SpanOptions, 'parent' | 'root' | 'startTime'> {
  /** Records the calls. */
  readonly tracer: Tracer;
  /** The span's name; by default the class' and the method's. */
  readonly name?: string | undefined;
}

/** What `traced` returns: a standard decorator, and one for TypeScript's `experimentalDecorators`. */
export interface TracedDecorator {
  <This, Target extends Method<This>>(method: Target, context: ClassMethodDecoratorContext<This, Target>): Target;
  // oxlint-disable-next-line typescript/no-explicit-any -- As above.
  <Target extends Method<any>>(
    classOrPrototype: object,
    name: string | symbol,
    descriptor: TypedPropertyDescriptor<Target>,
  ): TypedPropertyDescriptor<Target>;
}

/**
 * A decorator for methods, standard or of TypeScript's `experimentalDecorators` (NestJS, Angular): each call runs in a
 * span of its own, as by `tracer.span`, named `Class.method` by the object's own class.
 * @example
 * class Cart {
 *   \@traced(tracer)
 *   async checkout() {
 *     return 17;
 *   }
 *   \@traced({ tracer, name: 'cart.total', attributes: { 'app.kind': 'demo' } })
 *   total() {
 *     return 42;
 *   }
 * }
 * @see https://opentelemetry.io/docs/specs/otel/trace/api/#span-creation
 */
export function traced(given: Tracer | TracedOptions): TracedDecorator {
  const { tracer, name, ...options }: TracedOptions = 'startSpan' in given ? { tracer: given } : given;
  const wrapped = (method: Method<unknown>, methodName: string | symbol, isStatic: boolean): Method<unknown> => {
    const wrapper = function (this: unknown, ...args: unknown[]): unknown {
      const spanName = name ?? `${classNameOf(this, isStatic)}.${String(methodName)}`;
      return tracer.span(spanName, options, (_span: Span) => Reflect.apply(method, this, args));
    };
    for (const key of ['name', 'length'] as const) {
      Object.defineProperty(wrapper, key, { configurable: true, value: method[key] });
    }
    copyMetadata(method, wrapper);
    return wrapper;
  };
  const decorator = (
    target: object,
    context: ClassMethodDecoratorContext | string | symbol,
    descriptor?: TypedPropertyDescriptor<Method<unknown>>,
  ): unknown => {
    if (typeof context === 'object') return wrapped(target as Method<unknown>, context.name, context.static);
    if (typeof descriptor?.value !== 'function') return descriptor;
    return { ...descriptor, value: wrapped(descriptor.value, context, typeof target === 'function') };
  };
  return decorator as TracedDecorator;
}

/**
 * What other decorators have recorded about a method by the package `reflect-metadata`, as NestJS' do: they may be
 * below this one.
 */
function copyMetadata(from: object, to: object): void {
  const keys = property(Reflect, 'getOwnMetadataKeys') as ((target: object) => unknown[]) | undefined;
  const get = property(Reflect, 'getOwnMetadata') as ((key: unknown, target: object) => unknown) | undefined;
  const define = property(Reflect, 'defineMetadata') as ((...args: unknown[]) => void) | undefined;
  if (keys === undefined || get === undefined || define === undefined) return;
  for (const key of keys(from)) define(key, get(key, from), to);
}

/** The class on which a method was called: a subclass says more than the class that declares the method. */
function classNameOf(receiver: unknown, isStatic: boolean): string {
  if (isStatic) return (receiver as { name?: string } | undefined)?.name ?? '';
  return (receiver as { constructor?: { name?: string } } | null | undefined)?.constructor?.name ?? '';
}
