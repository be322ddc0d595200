import type { TraceModel } from '../model/trace-model.ts';

export interface StoryPanelProps {
  readonly model: TraceModel;
  /** CSS colours by service index. */
  readonly colours: readonly string[];
  /** Called with the spans that are the evidence of what is pointed at; with none when the pointer leaves. */
  readonly onLight: (spans: readonly number[]) => void;
  readonly onJump: (span: number) => void;
}
