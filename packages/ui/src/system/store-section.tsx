import type { StoreCollector, StoreNode, SystemStore } from '@throughline/trace/client';
import { classNames } from '../parts/class-names.ts';
import { Moment } from '../parts/moment.tsx';
import page from '../parts/page.module.css';
import table from '../parts/table.module.css';
import { useNow } from '../parts/use-now.ts';
import { nodeState, sortedNodes, type NodeState } from './node-state.ts';
import styles from './store-section.module.css';

/** The ClickHouse servers that keep the spans, and the collectors that store into them. */
export function StoreSection({ store }: { readonly store: SystemStore }) {
  const nowMs = useNow(1_000);
  return (
    <div className={styles['tables']}>
      <Nodes nodes={store.nodes} nowMs={nowMs} />
      {store.collectors.length === 0 ? null : <Collectors collectors={store.collectors} nowMs={nowMs} />}
    </div>
  );
}

function Nodes({ nodes, nowMs }: { readonly nodes: readonly StoreNode[]; readonly nowMs: number }) {
  const hasShards = nodes.some(({ shard }) => shard !== null);
  return (
    <div className={page['card']}>
      <table className={classNames(table['table'], styles['table'])}>
        <caption className={page['hidden']}>ClickHouse servers</caption>
        <thead>
          <tr>
            <th scope="col">Server</th>
            {hasShards ? <th scope="col">Shard</th> : null}
            {hasShards ? <th scope="col">Replica</th> : null}
            <th scope="col">State</th>
            <th scope="col">Since</th>
            <th scope="col">Version</th>
          </tr>
        </thead>
        {sortedNodes(nodes).map((node) => (
          <NodeRows key={node.node} node={node} hasShards={hasShards} nowMs={nowMs} />
        ))}
      </table>
    </div>
  );
}

interface NodeRowsProps {
  readonly node: StoreNode;
  readonly hasShards: boolean;
  readonly nowMs: number;
}

/** A server, and below it what is wrong with it. */
function NodeRows({ node, hasShards, nowMs }: NodeRowsProps) {
  const { shard, replica, version, since, troubles } = node;
  const state = nodeState(node);
  return (
    <tbody>
      <tr>
        <th scope="row" className={styles['name']}>
          {node.node}
        </th>
        {hasShards ? <td data-name="Shard">{shard ?? 'none'}</td> : null}
        {hasShards ? <td data-name="Replica">{replica ?? 'unknown'}</td> : null}
        <td>
          <State state={state} />
        </td>
        <td data-name="Since">
          <Moment unixMs={Date.parse(since)} nowMs={nowMs} />
        </td>
        <td data-name="Version">{version ?? 'unknown'}</td>
      </tr>
      {troubles.map(({ code, message, since: from }) => (
        <tr key={code} className={styles['trouble']}>
          <td colSpan={hasShards ? 6 : 4}>
            {message}{' '}
            <span className={styles['when']}>
              (<Moment unixMs={Date.parse(from)} nowMs={nowMs} />)
            </span>
          </td>
        </tr>
      ))}
    </tbody>
  );
}

const up: NodeState = { text: 'Running', level: 'good' };
const gone: NodeState = { text: 'Gone', level: 'unknown' };

function Collectors(props: { readonly collectors: readonly StoreCollector[]; readonly nowMs: number }) {
  const { collectors, nowMs } = props;
  return (
    <div className={page['card']}>
      <table className={classNames(table['table'], styles['table'])}>
        <caption className={page['hidden']}>Collectors that store into the cluster</caption>
        <thead>
          <tr>
            <th scope="col">Collector</th>
            <th scope="col">State</th>
            <th scope="col">Last seen</th>
            <th scope="col">Role</th>
          </tr>
        </thead>
        <tbody>
          {collectors.map((one) => (
            <tr key={one.collector}>
              <th scope="row">
                {one.description}
                <span className={styles['id']}>{one.collector}</span>
              </th>
              <td>
                <State state={one.isUp ? up : gone} />
              </td>
              <td data-name="Last seen">
                <Moment unixMs={Date.parse(one.seen)} nowMs={nowMs} />
              </td>
              <td>{roleText(one)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function State({ state: { text, level } }: { readonly state: NodeState }) {
  return (
    <span className={styles['state']} data-level={level}>
      {text}
    </span>
  );
}

function roleText({ isLeader, isSelf }: StoreCollector): string {
  const roles = [...(isSelf ? ['this collector'] : []), ...(isLeader ? ['runs the jobs for all'] : [])];
  return roles.join(', ');
}
