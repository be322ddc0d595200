import { countText } from '../parts/count-text.ts';
import page from '../parts/page.module.css';
import styles from './count-table.module.css';

interface CountTableProps {
  readonly caption: string;
  /** Headings of the names and of the counts. */
  readonly what: string;
  readonly counted: string;
  readonly rows: readonly { readonly name: string; readonly count: number }[];
  /** What is said where there are no rows. */
  readonly none: string;
}

/** How often each of a few things happened, the most frequent first. */
export function CountTable({ caption, what, counted, rows, none }: CountTableProps) {
  const sorted = rows.toSorted((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1));
  return (
    <div className={page['card']}>
      <table className={styles['table']}>
        <caption className={styles['caption']}>{caption}</caption>
        <thead className={page['hidden']}>
          <tr>
            <th scope="col">{what}</th>
            <th scope="col">{counted}</th>
          </tr>
        </thead>
        <tbody>
          {sorted.length > 0 ? null : (
            <tr>
              <td className={styles['none']} colSpan={2}>
                {none}
              </td>
            </tr>
          )}
          {sorted.map(({ name, count }) => (
            <tr key={name}>
              <th scope="row" className={styles['name']}>
                {name}
              </th>
              <td className={styles['count']}>{countText(count)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
