import { useOtlpEndpoint } from '../api/use-otlp-endpoint.ts';
import page from '../parts/page.module.css';
import { usePageTitle } from '../parts/use-page-title.ts';
import { CollectorSection } from './collector-section.tsx';
import { SamplingSection } from './sampling-section.tsx';
import { Section } from './section.tsx';
import { StoreSection } from './store-section.tsx';
import { useSampling, useSystem } from './use-system.ts';

/** The state of the collector and of the servers of its store, and the sampling probabilities of applications. */
export function SystemPage() {
  usePageTitle('System');
  const system = useSystem();
  const sampling = useSampling();
  const endpoint = useOtlpEndpoint();
  return (
    <div className={page['page']}>
      <div className={page['head']}>
        <h1 className={page['title']}>System</h1>
      </div>
      <Section id="collector" title="Collector" answer={system}>
        {(data) => <CollectorSection system={data} />}
      </Section>
      {system.data?.store.kind === 'clickhouse' ? (
        <Section id="store" title="Store" answer={system}>
          {(data) => <StoreSection store={data.store} />}
        </Section>
      ) : null}
      <Section id="sampling" title="Sampling" answer={sampling}>
        {(data) => <SamplingSection {...data} endpoint={endpoint} />}
      </Section>
    </div>
  );
}
