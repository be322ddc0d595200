import { expect, test } from 'vitest';
import { aWindow, type CallPlan } from '../testing/a-window.ts';
import { ownTimes } from './own-times.ts';
import { Vocabulary } from './vocabulary.ts';

const ms = (values: Float64Array): (number | null)[] =>
  Array.from(values, (ns) => (Number.isNaN(ns) ? null : ns / 1e6));
const inner = (from: number, to: number): CallPlan => ({ service: 'a', name: 'inner', from, to });
const answered = (from: number): CallPlan => ({ service: 'b', name: 'serve', kind: 'server', from, to: from + 30 });

function timesOf(plan: CallPlan) {
  const table = aWindow(new Vocabulary(), 1, () => plan);
  const { ownNs, gapNs, lagNs, callee } = ownTimes(table);
  return { own: ms(ownNs), gap: ms(gapNs), lag: ms(lagNs), callee: [...callee] };
}

test('a span is left with what no child of it covers, however they overlap', () => {
  const plan = {
    service: 'a',
    name: 'root',
    from: 0,
    to: 100,
    children: [inner(10, 30), inner(20, 40), inner(90, 120)],
  };
  expect(timesOf(plan).own).toEqual([60, 20, 20, 30]);
});

test('a client span has a gap beside its answer, whatever the clocks say', () => {
  for (const kind of ['client', 'unspecified'] as const) {
    const server: CallPlan = { service: 'b', name: 'serve', kind: 'server', from: 5_000, to: 5_030 };
    const client: CallPlan = { service: 'a', name: 'call', kind, from: 10, to: 60, children: [server] };
    const root: CallPlan = { service: 'a', name: 'root', kind: 'server', from: 0, to: 100, children: [client] };
    expect(timesOf(root)).toMatchObject({ own: [50, null, 30], gap: [null, 20, null], callee: [-1, 2, -1] });
  }
});

test('a callee that goes on after its caller has gone leaves a gap below zero', () => {
  const server: CallPlan = { service: 'b', name: 'serve', kind: 'server', from: 0, to: 300 };
  expect(timesOf({ service: 'a', name: 'call', kind: 'client', from: 0, to: 100, children: [server] }).gap[0]).toBe(
    -200,
  );
});

test('a call without a client span is no time of its caller, even where the clocks differ', () => {
  const own: CallPlan = { service: 'a', name: 'work', from: 60, to: 70 };
  for (const from of [20, -500, 5_000]) {
    const root: CallPlan = {
      service: 'a',
      name: 'root',
      kind: 'server',
      from: 0,
      to: 100,
      children: [answered(from), own],
    };
    expect(timesOf(root).own[0]).toBe(60);
  }
});

test('work beside the span of its call is left with the rest', () => {
  const answer: CallPlan = { service: 'b', name: 'serve', from: 12, to: 90 };
  const call: CallPlan = { service: 'a', name: 'GET', from: 10, to: 95, children: [answer] };
  const handler: CallPlan = { service: 'a', name: 'handle', from: 5, to: 98 };
  expect(timesOf({ service: 'a', name: 'root', from: 0, to: 100, children: [handler, call] }).own[1]).toBe(8);
});

test('a message is not waited for, and waits itself', () => {
  const consumer: CallPlan = { service: 'b', name: 'process', kind: 'consumer', from: 500, to: 900 };
  const producer: CallPlan = { service: 'a', name: 'send', kind: 'producer', from: 10, to: 15, children: [consumer] };
  const root: CallPlan = { service: 'a', name: 'root', kind: 'server', from: 0, to: 20, children: [producer] };
  expect(timesOf(root)).toMatchObject({ own: [15, 5, 400], gap: [null, null, null], lag: [null, null, 490] });
});
