/** Compiled by a test before it runs: decorators and `using` are syntax that Node 20 does not have. */
import { traced, type Tracer } from '../index.ts';

export function decorate(tracer: Tracer): Record<string, () => unknown> {
  class Shop {
    readonly #prices = [1, 2, 3];

    @traced(tracer)
    total(factor: number): number {
      return this.#prices.reduce((sum, price) => sum + price * factor, 0);
    }

    @traced({ tracer, name: 'shop.fail', attributes: { 'app.kind': 'test' } })
    async fail(): Promise<never> {
      throw new TypeError('closed');
    }

    @traced(tracer)
    *each(): Generator<number> {
      for (const price of this.#prices) yield price;
    }

    @traced(tracer)
    async *stream(): AsyncGenerator<number> {
      for (const price of this.#prices) {
        await tracer.span('inside', () => Promise.resolve());
        yield price;
      }
    }

    @traced(tracer)
    static open(): string {
      return 'opened';
    }
  }
  class CornerShop extends Shop {
    @traced(tracer)
    same<Item>(this: CornerShop, item: Item): Item {
      return item;
    }
  }
  return {
    total: () => new CornerShop().total(2),
    fail: () => new Shop().fail(),
    open: () => Shop.open(),
    each: () => [...new Shop().each()],
    stream: async () => {
      for await (const price of new Shop().stream()) return price;
      return undefined;
    },
    same: () => new CornerShop().same('item') satisfies string,
    used: () => {
      using span = tracer.startSpan('used');
      return span.isRecording();
    },
  };
}
