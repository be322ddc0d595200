import { uiPath } from '@throughline/trace/client';
import { Link, useLocation } from 'wouter';
import button from './parts/button.module.css';
import { Notice } from './parts/notice.tsx';
import { usePageTitle } from './parts/use-page-title.ts';

export function NotFoundPage() {
  const [path] = useLocation();
  usePageTitle('Not found');
  return (
    <Notice
      icon="search"
      title="Page not found"
      actions={
        <>
          <Link className={button['button']} href={uiPath('services')}>
            Services
          </Link>
          <Link className={button['button']} href={uiPath('explore')}>
            Explore
          </Link>
        </>
      }
    >
      <code>{path}</code> leads nowhere. It may come from another version of Throughline.
    </Notice>
  );
}
