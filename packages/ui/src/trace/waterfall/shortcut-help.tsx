import type { Ref } from 'react';
import { Icon } from '../../parts/icon.tsx';
import { shortcuts } from './keys.ts';
import styles from './shortcut-help.module.css';

const keyNames: Readonly<Record<string, string>> = {
  ArrowDown: '↓',
  ArrowUp: '↑',
  ArrowLeft: '←',
  ArrowRight: '→',
  ' ': 'Space',
  Escape: 'Esc',
};

/** The keys that work on the page, one line for each thing that they do. Opened by its `showModal`. */
export function ShortcutHelp({ ref }: { readonly ref: Ref<HTMLDialogElement> }) {
  return (
    <dialog ref={ref} className={styles['dialog']} aria-label="Keyboard shortcuts">
      <div className={styles['head']}>
        <h2 className={styles['title']}>Keyboard shortcuts</h2>
        <button
          type="button"
          className={styles['close']}
          aria-label="Close"
          onClick={(event) => event.currentTarget.closest('dialog')?.close()}
        >
          <Icon name="close" />
        </button>
      </div>
      <dl className={styles['list']}>
        {[...new Set(shortcuts.map((shortcut) => shortcut.text))].map((text) => (
          <div key={text} className={styles['line']}>
            <dt className={styles['keys']}>
              {shortcuts
                .filter((shortcut) => shortcut.text === text)
                .flatMap((shortcut) => shortcut.keys)
                .map((key) => (
                  <kbd key={key} className={styles['key']}>
                    {keyNames[key] ?? key}
                  </kbd>
                ))}
            </dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
    </dialog>
  );
}
