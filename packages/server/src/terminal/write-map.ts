import { formatDuration } from '@throughline/trace';
import type { MapEdge, MapNode, MapResponse } from '@throughline/trace/client';
import { countOf, countText } from './count-text.ts';
import { markdownText, warningsMarkdown } from './markdown-text.ts';
import { safeText } from './safe-text.ts';
import { type Line, piece, type Screen, type Style } from './screen.ts';
import { cut, padEnd, padStart, widthOf, wrap } from './text-width.ts';

/** A map, as it is written. */
export interface MapReport extends Pick<MapResponse, 'nodes' | 'edges' | 'truncated'> {
  /** Such as `the last hour, to 10:20`, or the name of a file. */
  readonly of: string;
  /** The service that was asked for; null for all. */
  readonly service: string | null;
  readonly warnings: readonly string[];
}

interface Row {
  /** Null for a node at the top. */
  readonly edge: MapEdge | null;
  readonly node: MapNode;
  /** Of each level above: whether more follows on it. */
  readonly hasMore: readonly boolean[];
  readonly isLast: boolean;
  /** What is below it stands elsewhere. */
  readonly isShownBefore: boolean;
}

const COLUMNS = ['calls/s', 'errors', 'p50', 'p95', 'p99'] as const;
const NAME_WIDTH_MIN = 24;
const DEPTH_MAX = 60;

/** `throughline map`: who calls whom as a tree from the callers down; each node shows below it what it calls once. */
export function writeMap(report: MapReport, screen: Screen): Line[] {
  const { nodes, edges, truncated, warnings, of } = report;
  const rows = layOutMap(report);
  const figures = rows.map(({ edge }) => figuresOf(edge));
  // On a narrow screen the less telling columns go first.
  const columns = chosenColumns(figures, screen.width);
  const nameWidth = screen.width - columns.reduce((sum, { width }) => sum + width + 2, 0);
  const header: Line = [
    piece(padEnd('', nameWidth)),
    ...columns.map(({ name, width }) => piece(`  ${padStart(name, width)}`, 'dim')),
  ];
  const heading = `${answerOf(report)} · ${safeText(of)}`;
  return [
    ...wrap(heading, screen.width).map((text): Line => [piece(text, 'bold')]),
    ...warnings.flatMap((text) =>
      wrap(`Warning: ${safeText(text)}`, screen.width).map((line): Line => [piece(line, 'yellow')]),
    ),
    ...(edges.length === 0 ? [] : [[], header]),
    ...rows.map((row, at): Line => [
      ...nameOf(row, nameWidth),
      ...columns.map(({ at: column, width }) => {
        const { text, style } = figures[at]![column]!;
        return piece(`  ${padStart(text, width)}`, ...(style === null ? [] : [style]));
      }),
    ]),
    ...(nodes.length === 0 || !truncated
      ? []
      : wrap('There are more calls: raise --limit, or name a service with --service', screen.width).map(
          (text): Line => [piece(text, 'dim')],
        )),
  ];
}

/** A table for a document. */
export function mapMarkdown(report: MapReport): string {
  const nodes = new Map(report.nodes.map((node) => [node.id, node]));
  const named = (id: string): string => markdownText(labelOf(nodes.get(id)));
  const rows = report.edges.map((edge) => {
    const cells = figuresOf(edge).map(({ text }) => text || '–');
    return `| ${named(edge.from)} | ${named(edge.to)} | ${cells.join(' | ')} |`;
  });
  return [
    `### ${markdownText(answerOf(report))}`,
    '',
    `- ${markdownText(report.of)}`,
    '',
    ...warningsMarkdown(report.warnings),
    ...(rows.length === 0
      ? []
      : [`| caller | callee | ${COLUMNS.join(' | ')} |`, '| --- | --- | --: | --: | --: | --: | --: |', ...rows, '']),
    ...(report.truncated ? ['There are more calls.', ''] : []),
  ].join('\n');
}

function answerOf({ nodes, edges, service }: MapReport): string {
  if (edges.length === 0) {
    return service === null ? 'Nobody calls anybody' : `${safeText(service)} calls nobody, and nobody calls it`;
  }
  const services = nodes.filter(({ kind }) => kind === 'service').length;
  const others = nodes.filter(({ kind }) => kind !== 'service' && kind !== 'clients').length;
  const what = `${countOf(services, 'service')}${others === 0 ? '' : ` and ${countOf(others, 'other')}`}`;
  return `${service === null ? '' : `Around ${safeText(service)}: `}${what}, ${countOf(edges.length, 'edge')}`;
}

interface Figure {
  readonly text: string;
  readonly style: Style | null;
}

function figuresOf(edge: MapEdge | null): Figure[] {
  if (edge === null) return COLUMNS.map(() => ({ text: '', style: null }));
  const about = edge.estimate.basis === 'exact' ? '' : '≈';
  const errors = edge.errorRate === 0 ? '' : percent(edge.errorRate);
  return [
    { text: `${about}${rateText(edge.callsPerSecond)}`, style: null },
    { text: errors, style: edge.errorRate >= 0.01 ? 'red' : 'yellow' },
    ...[edge.p50Ns, edge.p95Ns, edge.p99Ns].map((ns) => ({ text: ns === null ? '' : formatDuration(ns), style: null })),
  ];
}

function rateText(perSecond: number): string {
  if (perSecond >= 100) return countText(Math.round(perSecond));
  return String(Number(perSecond.toPrecision(2)));
}

function percent(share: number): string {
  const value = share * 100;
  return `${value < 0.1 ? '<0.1' : Number(value.toPrecision(2))}%`;
}

function chosenColumns(figures: readonly (readonly Figure[])[], width: number) {
  const all = COLUMNS.map((name, at) => ({
    name,
    at,
    width: Math.max(widthOf(name), ...figures.map((of) => widthOf(of[at]!.text))),
  }));
  while (all.length > 1 && width - all.reduce((sum, column) => sum + column.width + 2, 0) < NAME_WIDTH_MIN) all.pop();
  return all;
}

const KIND_STYLES: Readonly<Record<MapNode['kind'], Style | null>> = {
  service: 'cyan',
  silent: 'magenta',
  database: 'yellow',
  queue: 'blue',
  external: 'magenta',
  clients: 'dim',
};

const KIND_WORDS: Readonly<Record<MapNode['kind'], string>> = {
  service: '',
  silent: 'sends no spans',
  database: 'database',
  queue: 'queue',
  external: 'outside',
  clients: '',
};

function labelOf(node: MapNode | undefined): string {
  if (node === undefined) return '';
  if (node.kind === 'clients') return 'clients';
  const name = safeText(node.name) || '(no name)';
  const kind = KIND_WORDS[node.kind];
  return kind === '' || name.endsWith(` ${kind}`) ? name : `${name} (${kind})`;
}

function nameOf({ edge, node, hasMore, isLast, isShownBefore }: Row, width: number): Line {
  const lines = edge === null ? '' : `${hasMore.map((more) => (more ? '│ ' : '  ')).join('')}${isLast ? '└ ' : '├ '}`;
  const branch = lines === '' ? '' : cut(lines, Math.max(2, width - 8));
  const again = isShownBefore ? ' ↑' : '';
  const style = KIND_STYLES[node.kind];
  const room = width - widthOf(branch) - widthOf(again);
  const name = cut(labelOf(node), room);
  return [
    piece(branch, 'dim'),
    piece(name, ...(style === null ? [] : [style])),
    piece(padEnd(again, width - widthOf(branch) - widthOf(name)), 'dim'),
  ];
}

/** From those that nobody calls down; what is called by several has its callees below the first of them. */
function layOutMap({ nodes, edges, service }: MapReport): Row[] {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const outgoing = new Map<string, MapEdge[]>();
  for (const edge of edges) outgoing.set(edge.from, [...(outgoing.get(edge.from) ?? []), edge]);
  const called = new Set(edges.map(({ to }) => to));
  const tops = nodes.filter(({ id, kind }) => outgoing.has(id) && (kind === 'clients' || !called.has(id)));
  const rows: Row[] = [];
  const expanded = new Set<string>();
  const add = (from: string, hasMore: readonly boolean[]): void => {
    const waiting = [{ from, hasMore, at: 0 }];
    while (waiting.length > 0) {
      const top = waiting.at(-1)!;
      const edgesOf = outgoing.get(top.from) ?? [];
      const edge = edgesOf[top.at];
      if (edge === undefined) {
        waiting.pop();
        continue;
      }
      top.at++;
      const isLast = top.at === edgesOf.length;
      const hasBelow = outgoing.has(edge.to);
      const isShownBefore = hasBelow && (expanded.has(edge.to) || top.hasMore.length >= DEPTH_MAX);
      rows.push({ edge, node: byId.get(edge.to)!, hasMore: top.hasMore, isLast, isShownBefore });
      if (!hasBelow || isShownBefore) continue;
      expanded.add(edge.to);
      waiting.push({ from: edge.to, hasMore: [...top.hasMore, !isLast], at: 0 });
    }
  };
  const begin = (node: MapNode): void => {
    if (expanded.has(node.id)) return;
    expanded.add(node.id);
    rows.push({ edge: null, node, hasMore: [], isLast: true, isShownBefore: false });
    add(node.id, []);
  };
  for (const top of tops) begin(top);
  // Services that call each other in a circle are called by somebody, each of them.
  const rest = nodes.toSorted((a, b) => Number(b.name === service) - Number(a.name === service));
  for (const node of rest) if (outgoing.has(node.id)) begin(node);
  return rows;
}
