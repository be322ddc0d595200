import { useEffect } from 'react';

/** Names the tab, its history entry and its bookmark. */
export function usePageTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Throughline`;
  }, [title]);
}
