import type { StoryClause } from '@throughline/trace';
import type { ReactNode } from 'react';
import type { StoryPanelProps } from './story-panel-props.ts';

interface EvidenceProps extends Pick<StoryPanelProps, 'onLight' | 'onJump'> {
  readonly clause: StoryClause;
  readonly className: string | undefined;
  readonly children: ReactNode;
}

/** A clause that lights up its spans while it is pointed at or has the focus, and leads to the first of them. */
export function Evidence({ clause, onLight, onJump, className, children }: EvidenceProps) {
  const spans = clause.spanIndexes;
  const first = spans[0];
  return (
    <button
      type="button"
      className={className}
      title="Highlight these spans"
      onPointerEnter={() => onLight(spans)}
      onPointerLeave={() => onLight([])}
      onFocus={() => onLight(spans)}
      onBlur={() => onLight([])}
      onClick={() => first !== undefined && onJump(first)}
    >
      {children}
    </button>
  );
}
