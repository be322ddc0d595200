import type { Ledger } from './ledger.ts';
import type { Effect } from './simulate.ts';

/** Whether an effect is there, by what the simulation knows of itself. */
export function isThere(effect: Effect, ledger: Ledger): boolean {
  const { kind, key } = effect;
  const of = kind === 'rate-rises' || kind === 'rate-falls' ? ledger.rate.bind(ledger) : ledger.mean.bind(ledger);
  const normal = of(key, 'normal');
  const faulty = of(key, 'faulty');
  switch (kind) {
    case 'mean-rises':
    case 'rate-rises':
      return faulty >= effect.factor * normal;
    case 'mean-falls':
    case 'rate-falls':
      return faulty <= effect.factor * normal;
    case 'mean-adds':
      return faulty - normal >= effect.by;
    case 'mean-stays':
      // Nothing of it in one of them is no change of what there is.
      return !(faulty > effect.factor * normal || faulty < normal / effect.factor);
    default:
      return effect satisfies never;
  }
}
