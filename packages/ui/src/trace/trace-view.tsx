import { useCallback, useMemo, useState } from 'react';
import { Notice } from '../parts/notice.tsx';
import { PartialNotice } from '../parts/partial-notice.tsx';
import { serviceColour } from '../services/service-colour.ts';
import { useServiceSlots } from '../services/use-service-slots.ts';
import { followSpan, SpanAddresses } from './model/span-addresses.ts';
import type { TraceModel } from './model/trace-model.ts';
import type { TraceSession } from './model/trace-session.ts';
import { SpanPanel } from './span-panel/span-panel.tsx';
import { StoryPanel } from './story/story-panel.tsx';
import { TraceHeader } from './trace-header.tsx';
import styles from './trace-view.module.css';
import { useTraceUrlState } from './use-trace-url-state.ts';
import { Waterfall } from './waterfall/waterfall.tsx';

interface TraceViewProps {
  readonly model: TraceModel;
  readonly session: TraceSession;
  readonly onReload: () => void;
}

const noSpans: ReadonlySet<number> = new Set();

export function TraceView({ model, session, onReload }: TraceViewProps) {
  const [url, changeUrl] = useTraceUrlState();
  const [lit, setLit] = useState(noSpans);
  const addresses = useMemo(() => new SpanAddresses(model.spanIds), [model]);
  const slots = useServiceSlots(model.services);
  const colours = useMemo(() => model.services.map((name) => serviceColour(name, slots)), [model, slots]);
  const selected = url.span === null ? -1 : addresses.find(url.span);
  const [shown, setShown] = useState({ model, addresses });
  if (shown.model !== model) {
    setShown({ model, addresses });
    const before = url.span === null ? -1 : shown.addresses.find(url.span);
    const now = before < 0 ? selected : followSpan(shown, before, { model, addresses });
    if (now !== selected) changeUrl({ span: addresses.addressOf(now) });
  }

  const select = useCallback(
    (index: number) => changeUrl({ span: addresses.addressOf(index) }),
    [changeUrl, addresses],
  );
  const light = useCallback((spans: readonly number[]) => setLit(spans.length === 0 ? noSpans : new Set(spans)), []);
  if (model.spanCount === 0) return <Notice icon="search" title="This trace has no spans" />;
  return (
    <div className={styles['page']} data-panel={selected >= 0}>
      <div className={styles['main']}>
        <div className={styles['top']}>
          <PartialNotice answers={[model.partial]} />
          <TraceHeader model={model} addresses={addresses} onLight={light} onJump={select} onReload={onReload} />
          <StoryPanel model={model} colours={colours} onLight={light} onJump={select} />
        </div>
        <Waterfall
          // Spans that arrive late move the others' indices, which is what rows remember.
          key={model.spanCount}
          model={model}
          addresses={addresses}
          session={session}
          colours={colours}
          selected={selected}
          onSelect={select}
          lit={lit}
          show={url.show}
          onShow={(show) => changeUrl({ show })}
          find={url.find}
          onFind={(find) => changeUrl({ find })}
        />
      </div>
      {selected < 0 ? null : (
        <SpanPanel
          model={model}
          addresses={addresses}
          session={session}
          index={selected}
          colours={colours}
          onSelect={select}
          onClose={() => select(-1)}
        />
      )}
    </div>
  );
}
