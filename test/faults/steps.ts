import type { Step } from './topology.ts';

/** The steps with some replaced: where `change` returns undefined a step stays, and those within it are asked about. */
export function changeSteps(
  steps: readonly Step[],
  change: (step: Step) => readonly Step[] | undefined,
): readonly Step[] {
  return steps.flatMap((step) => change(step) ?? [withInner(step, (inner) => changeSteps(inner, change))]);
}

/** Whether one of the steps, or of those within them, is meant. */
export function hasStep(steps: readonly Step[], isMeant: (step: Step) => boolean): boolean {
  return steps.some((step) => isMeant(step) || hasStep(innerOf(step), isMeant));
}

/** What a step may do in turn. */
export function innerOf(step: Step): readonly Step[] {
  if (step.kind === 'cached') return [step.query, ...step.miss];
  if (step.kind === 'locked') return [step.query, ...step.steps];
  return 'steps' in step ? step.steps : [];
}

function withInner(step: Step, change: (steps: readonly Step[]) => readonly Step[]): Step {
  if (step.kind === 'cached') return { ...step, miss: change(step.miss) };
  return 'steps' in step ? { ...step, steps: change(step.steps) } : step;
}
